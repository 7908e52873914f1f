"""Run the crowd of one rehearsal; the job worker starts this."""

from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from campaigns.rehearsal import performance


class Command(BaseCommand):
    help = "Runs the synthetic crowd of a booked rehearsal until it is over."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("rehearsal", help="public id")

    def handle(self, *args: Any, **options: Any) -> None:
        performance.run(options["rehearsal"])
