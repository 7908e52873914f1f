"""Production refuses each unsafe setting; docs/settings.md and the code name the same settings."""

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from liveshop import fleet

REPOSITORY = Path(__file__).resolve().parents[2]
SAFE = {
    "PRODUCTION": "1",
    "SECRET_KEY": "k" * 48,
    "ALLOWED_HOSTS": "shop.example",
    "SITE_URL": "https://shop.example",
    "CODE_SENDER": "shop.senders.Sms",
    "PAYMENT_PROVIDERS": "shop.payments:Real",
    "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none",
}
SHOW = "import json; from liveshop import settings as s; print(json.dumps({n: getattr(s, n) for n in %r}, default=str))"


def load(environment: dict[str, str], show: list[str]) -> "subprocess.CompletedProcess[str]":
    """The settings in a process of their own, with nothing else in its environment."""
    return subprocess.run(
        [sys.executable, "-c", SHOW % show],
        cwd=REPOSITORY,
        env={"PATH": os.defpath} | environment,
        capture_output=True,
        text=True,
        check=False,
    )


class TestProduction:
    def test_safe_settings_start(self) -> None:
        told = load(SAFE, ["DEBUG", "DEMO", "SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE", "SECURE_SSL_REDIRECT", "ALLOWED_HOSTS"])
        assert told.returncode == 0, told.stderr
        assert json.loads(told.stdout) == {
            "DEBUG": False,
            "DEMO": False,
            "SESSION_COOKIE_SECURE": True,
            "CSRF_COOKIE_SECURE": True,
            "SECURE_SSL_REDIRECT": True,
            "ALLOWED_HOSTS": ["shop.example"],
        }

    @pytest.mark.parametrize(
        ("unsafe", "named"),
        [
            ({"SECRET_KEY": ""}, "SECRET_KEY"),
            ({"SECRET_KEY": "short"}, "SECRET_KEY"),
            ({"SECRET_KEY": "insecure-development-key-that-production-refuses-to-start-with"}, "SECRET_KEY"),
            ({"DEBUG": "1"}, "DEBUG"),
            ({"DEMO": "1"}, "DEMO"),
            ({"ALLOWED_HOSTS": ""}, "ALLOWED_HOSTS"),
            ({"ALLOWED_HOSTS": "*"}, "ALLOWED_HOSTS"),
            ({"ALLOWED_HOSTS": "shop.example,*"}, "ALLOWED_HOSTS"),
            ({"BEHIND_TLS": "0"}, "BEHIND_TLS"),
            ({"SITE_URL": "http://shop.example"}, "SITE_URL"),
            ({"CODE_SENDER": "accounts.senders.ScreenSender"}, "CODE_SENDER"),
            ({"CODE_SENDER": "accounts.senders.LogSender"}, "CODE_SENDER"),
            ({"PAYMENT_PROVIDERS": "shop.payments:Real,orders.payments.simulator:Simulator"}, "PAYMENT_PROVIDERS"),
        ],
    )
    def test_refuses_to_start(self, unsafe: dict[str, str], named: str) -> None:
        told = load(SAFE | unsafe, [])
        last = told.stderr.strip().splitlines()[-1]
        assert told.returncode != 0
        assert "ImproperlyConfigured: PRODUCTION is set, but: " in last
        assert named in last
        assert last.count(" must ") == 1, "only this one is refused"

    @pytest.mark.parametrize("name", ["CODE_SENDER", "PAYMENT_PROVIDERS"])
    def test_refuses_the_demo_defaults(self, name: str) -> None:
        told = load({key: value for key, value in SAFE.items() if key != name}, [])
        assert told.returncode != 0
        assert name in told.stderr

    @pytest.mark.parametrize(("name", "wrong"), [("PORT", "eighty"), ("DEBUG", "perhaps"), ("CLAIM_QUEUE_MAX", "many")])
    def test_a_value_of_the_wrong_kind_is_named(self, name: str, wrong: str) -> None:
        told = load({name: wrong}, [])
        assert told.returncode != 0
        assert name in told.stderr


EXTERNAL = {
    "VIDEO_TIER": "external",
    "RTMP_URL": "rtmp://video.example/live",
    "EXTERNAL_HLS": "https://video.example/hls",
    "EXTERNAL_HOOK_SECRET": "h" * 32,
    "EXTERNAL_LINK_SECRET": "l" * 32,
}


class TestExternalVideo:
    def test_its_origin_may_be_played(self) -> None:
        told = load(SAFE | EXTERNAL, ["CONTENT_SECURITY_POLICY", "SECURE_REDIRECT_EXEMPT"])
        assert told.returncode == 0, told.stderr
        shown = json.loads(told.stdout)
        for name in ("connect-src", "media-src"):
            assert "https://video.example" in shown["CONTENT_SECURITY_POLICY"]["DIRECTIVES"][name]
        assert any(re.search(exempt, "internal/media/srs") for exempt in shown["SECURE_REDIRECT_EXEMPT"])

    @pytest.mark.parametrize(
        ("wrong", "named"),
        [
            ({"VIDEO_TIER": "outside"}, "VIDEO_TIER"),
            ({"EXTERNAL_SERVER": "apache"}, "EXTERNAL_SERVER"),
            ({"EXTERNAL_HOOK_SECRET": "short"}, "EXTERNAL_HOOK_SECRET"),
            ({"EXTERNAL_LINK_SECRET": ""}, "EXTERNAL_LINK_SECRET"),
            ({"EXTERNAL_LINK_SECRET": "h" * 32}, "must differ"),
            ({"RTMP_URL": ""}, "RTMP_URL"),
            ({"EXTERNAL_HLS": ""}, "EXTERNAL_HLS"),
            ({"EXTERNAL_HLS": "video.example/hls"}, "EXTERNAL_HLS"),
        ],
    )
    def test_half_of_it_does_not_start(self, wrong: dict[str, str], named: str) -> None:
        told = load(EXTERNAL | wrong, [])
        assert told.returncode != 0
        assert named in told.stderr.strip().splitlines()[-1]


class TestEnvironment:
    def test_redis_and_database_addresses_are_taken(self) -> None:
        told = load(
            {"REDIS_URL": "redis://cache:6379/1", "DATABASE_URL": "postgresql://me:pw@db:5433/shop"}, ["DATABASES", "CHANNEL_LAYERS"]
        )
        shown = json.loads(told.stdout)
        assert [shown["DATABASES"]["default"][key] for key in ("HOST", "PORT", "NAME", "USER")] == ["db", 5433, "shop", "me"]
        assert shown["CHANNEL_LAYERS"]["default"]["BACKEND"] == "channels_redis.pubsub.RedisPubSubChannelLayer"

    def test_docs_name_every_setting_and_no_other(self) -> None:
        page = (REPOSITORY / "docs" / "settings.md").read_text(encoding="utf-8")
        documented = set(re.findall(r"^\| `([A-Z][A-Z0-9_]+)` \|", page, re.MULTILINE))
        assert documented == names_in_code()


def names_in_code() -> set[str]:
    """Each name read with `env.…("NAME")`, `os.environ` or, in bin/*, by the shell."""
    names: set[str] = {"PYTHON"}
    for folder in (
        "liveshop",
        "accounts",
        "catalog",
        "rooms",
        "campaigns",
        "orders",
        "alliance",
        "traffic",
        "demo",
        "bench",
        "bin",
        "tests",
    ):
        for path in (REPOSITORY / folder).rglob("*.py"):
            if "test_" not in path.name and "tests/race" not in str(path) and "tests/faults" not in str(path):
                names |= set(read_names(ast.parse(path.read_text(encoding="utf-8"))))
    return names - {
        "PATH",
        "DJANGO_SETTINGS_MODULE",
        "PYTHONUNBUFFERED",
        "DJANGO_ALLOW_ASYNC_UNSAFE",
        "XDG_DATA_HOME",
        "READY_FD",
        "NOTIFY_SOCKET",
        "PROMETHEUS_MULTIPROC_DIR",
    }


def read_names(tree: ast.Module) -> list[str]:
    found = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args and isinstance(node.args[0], ast.Constant):
            owner = ast.unparse(node.func.value)
            if owner == "env" or (owner == "os.environ" and node.func.attr in {"get", "setdefault", "pop"}):
                found.append(node.args[0].value)
        if isinstance(node, ast.Subscript) and ast.unparse(node.value) == "os.environ" and isinstance(node.slice, ast.Constant):
            found.append(node.slice.value)
    return found


@pytest.mark.parametrize(("carries_video", "names"), [(True, ["job worker", "live video"]), (False, ["job worker"])])
def test_the_media_process_runs_only_where_the_site_carries_its_video(carries_video: bool, names: list[str]) -> None:
    assert [child.name for child in fleet.beside(["manage.py"], carries_video=carries_video)] == names
