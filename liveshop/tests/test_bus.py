"""The address of connections outside Django's pool."""

import psycopg

from liveshop import bus


def test_everything_that_the_databases_address_says_holds_for_the_bus_and_the_claims_too(settings):
    given = settings.DATABASES["default"] | {
        "OPTIONS": {"sslmode": "verify-full", "options": "-c search_path=shop", "pool": {"max_size": 3}, "keepalives_idle": 10}
    }
    settings.DATABASES = {"default": given}
    told = psycopg.conninfo.conninfo_to_dict(bus.dsn())
    assert told["dbname"] == given["NAME"]
    assert (told["sslmode"], told["options"], told["keepalives_idle"]) == ("verify-full", "-c search_path=shop", "10")
    assert "pool" not in told
