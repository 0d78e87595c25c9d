"""Wrong values stop the start with one clear line."""

from pathlib import Path

import pytest

from app.settings import ConfigurationError, load


def test_the_defaults_need_nothing() -> None:
    settings = load({})
    assert (settings.host, settings.port, settings.auth_mode) == ("127.0.0.1", 8000, "demo")
    assert settings.address == "http://127.0.0.1:8000"


@pytest.mark.parametrize(
    ("environment", "named"),
    [
        ({"PORT": "eighty"}, "PORT"),
        ({"PORT": "65536"}, "PORT"),
        ({"AUTH_MODE": "none"}, "AUTH_MODE"),
        ({"LOG_FORMAT": "xml"}, "LOG_FORMAT"),
        ({"DATABASE_URL": "mysql://x"}, "DATABASE_URL"),
        ({"REDIS_URL": "127.0.0.1:6379"}, "REDIS_URL"),
        ({"REDIS_URL": "redis://127.0.0.1", "SECRET_KEY": "shared"}, "DATABASE_URL"),
        ({"REDIS_URL": "redis://127.0.0.1", "DATABASE_URL": "postgresql://db/x"}, "SECRET_KEY"),
        ({"PUBLIC_URL": "interlink.example"}, "PUBLIC_URL"),
        ({"AUTH_MODES": "demo"}, "AUTH_MODES"),
        ({"HOST": "0.0.0.0"}, "ALLOW_INSECURE_DEMO"),
        ({"SECRET_KEY_FILE": "/nowhere/at/all"}, "SECRET_KEY_FILE"),
        ({"ALLOW_INSECURE_DEMO": "perhaps"}, "ALLOW_INSECURE_DEMO"),
        ({"LIVE_FRAME": "big"}, "LIVE_FRAME"),
        ({"LIVE_FRAMES": "1"}, "LIVE_FRAMES"),
    ],
)
def test_a_wrong_value_is_named_in_one_line(environment: dict[str, str], named: str) -> None:
    with pytest.raises(ConfigurationError) as refusal:
        load(environment)
    assert named in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_wrong_secret_is_not_repeated() -> None:
    with pytest.raises(ConfigurationError) as refusal:
        load({"DATABASE_URL": "mysql://root:hunter2@db"})
    assert "hunter2" not in str(refusal.value)


def test_a_secret_may_lie_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "url"
    file.write_text("postgresql://db/interlink\n")
    settings = load({"DATABASE_URL_FILE": str(file)})
    assert settings.database_url is not None
    assert settings.database_url.get_secret_value() == "postgresql://db/interlink"
    assert "db/interlink" not in repr(settings)


def test_nodes_are_joined_by_what_they_share() -> None:
    shared = {"DATABASE_URL": "postgresql://db/x", "SECRET_KEY": "shared"}
    settings = load(shared | {"REDIS_URL": "rediss://:hunter2@redis.example:6380/1"})
    assert settings.redis_url is not None
    assert "hunter2" not in repr(settings)


def test_the_signing_key_is_made_once_and_private(tmp_path: Path) -> None:
    settings = load({"DATA_DIR": str(tmp_path / "new")})
    key = settings.signing_key()
    assert len(key) >= 32
    assert load({"DATA_DIR": str(tmp_path / "new")}).signing_key() == key
    assert (tmp_path / "new" / "secret_key").stat().st_mode & 0o077 == 0
    assert load({"SECRET_KEY": "given"}).signing_key() == b"given"


def test_limits_of_live_documents_are_settings() -> None:
    live = load({"LIVE_UPDATES_PER_SECOND": "5000"}).live
    assert (live.updates_per_second, live.frame) == (5000.0, 4 * 1024 * 1024)


def test_limits_of_conversions_are_settings() -> None:
    conversion = load({"CONVERSION_UPLOAD": "5000", "CONVERSION_SECONDS": "2.5"}).conversion
    assert (conversion.upload, conversion.seconds, conversion.at_once) == (5000, 2.5, 2)
    with pytest.raises(ConfigurationError, match="CONVERSION_UPLOADS"):
        load({"CONVERSION_UPLOADS": "1"})
