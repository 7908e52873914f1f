"""One process of `bin/bench scale`: an engine of its own, its share of the people, all for one deal.

`python -m bench._claimer DEAL FIRST LAST`: says "ready", waits for a line, claims, prints its wins and seconds as JSON.
"""

import asyncio
import json
import sys
import time
import uuid


def main() -> None:
    import django

    django.setup()
    from bench.claims import in_flight
    from campaigns.memory import Kind, Target
    from campaigns.outcomes import ClaimOutcome, Tap
    from liveshop import collector
    from tests.scarce import with_engine

    deal, first, last = (int(argument) for argument in sys.argv[1:])
    taps = [Tap(user_id, uuid.uuid4()) for user_id in range(first, last)]

    async def work(engine: object) -> None:
        await engine.claim(deal_id=deal, user_id=0, key=uuid.uuid4())  # type: ignore[attr-defined]
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        began, processor = time.monotonic(), time.process_time()
        answers, _took = await in_flight(lambda nth: engine.ask(Target(Kind.DEAL, deal), taps[nth]), len(taps), ClaimOutcome)  # type: ignore[attr-defined]
        spent = {"began": began, "ended": time.monotonic(), "cpu_s": time.process_time() - processor}
        print(json.dumps({"won": sum(won for won, _wait in answers), **spent}), flush=True)

    collector.tune()
    with_engine(work)


if __name__ == "__main__":
    main()
