import json
import subprocess
import sys

from django.conf import settings

from liveshop.collector import THRESHOLDS


def test_a_server_leaves_what_it_loaded_out_of_every_collection() -> None:
    told = "import gc, json; from liveshop import asgi; print(json.dumps([gc.get_freeze_count(), gc.get_threshold()]))"
    answer = subprocess.run([sys.executable, "-c", told], cwd=settings.BASE_DIR, capture_output=True, text=True, check=True)
    frozen, thresholds = json.loads(answer.stdout.splitlines()[-1])
    assert frozen > 100_000
    assert tuple(thresholds) == THRESHOLDS
