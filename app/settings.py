"""Everything the operator can set, from the environment. `interlink check-config` prints it."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)

from app.conversion.limits import ConversionLimits
from app.subscriptions.schedule import DELAYS
from realtime.limits import Limits

SECRETS = ("database_url", "redis_url", "secret_key")
_FAMILIES = ("LOG_", "AUTH_", "ALLOW_", "LIVE_", "CONVERSION_", "ERASURE_", "WEBHOOK_", "WITNESS_", "TSA_")
_LIMITS = {
    f"{group}_{field.name}": (group, field.name)
    for group, limits in (("live", Limits), ("conversion", ConversionLimits))
    for field in fields(limits)
}
_WEEK = 7 * 86_400.0
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


class ConfigurationError(RuntimeError):
    """A setting is wrong; the message is one line, naming it and what it may be."""


class Settings(BaseModel):
    """Read once at start. Each name, in capitals, is an environment variable.

    DATABASE_URL, REDIS_URL and SECRET_KEY may instead be read from a file
    named by the variable with `_FILE` added.
    """

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    host: str = Field("127.0.0.1", description="address to listen on")
    port: int = Field(8000, ge=0, le=65535, description="port to listen on; 0 for any free one")
    data_dir: Path = Field(Path("var"), description="folder for everything this installation keeps")
    database_url: SecretStr | None = Field(
        None, description="PostgreSQL to use; absent: embedded in DATA_DIR"
    )
    redis_url: SecretStr | None = Field(
        None, description="Redis that joins several nodes over one DATABASE_URL; absent: this is the only one"
    )
    public_url: str | None = Field(None, description="address under which people reach this installation")
    auth_mode: Literal["demo"] = Field("demo", description="how people sign in")
    secret_key: SecretStr | None = Field(None, description="signs tickets; absent: made and kept in DATA_DIR")
    log_format: Literal["text", "json"] = Field("text", description="how log lines look")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="least severe line kept"
    )
    erasure_delay_days: int = Field(
        7, ge=0, le=30, description="days in which a person may call back that they be erased"
    )
    retention: str = Field(
        "", description="how long payloads are kept that need not stay, such as access.recorded=P1Y"
    )
    allow_insecure_demo: bool = Field(False, description="serve AUTH_MODE=demo on a public address")
    webhook_allow_private: bool = Field(
        False, description="let webhooks go to addresses that only this server's network reaches"
    )
    witness_logs: str = Field(
        "", description="logs whose heads this installation cosigns: verifier keys with commas between"
    )
    witnesses: str = Field(
        "", description="witnesses asked to cosign this log's heads: VKEY URL, with commas between"
    )
    tsa_url: str | None = Field(None, description="RFC 3161 authority asked daily for a time stamp")
    tsa_certificates: Path | None = Field(
        None, description="PEM file of roots that time stamps must lead to; absent: those of the system"
    )
    webhook_timeout: float = Field(
        15.0, ge=0.1, le=60, description="seconds that a webhook's receiver has for its answer"
    )
    webhook_retry_delays: tuple[float, ...] = Field(
        DELAYS, min_length=1, max_length=20, description="seconds before each attempt to send to a webhook"
    )
    live: Limits = Field(Limits(), description="limits of live documents, each as LIVE_<NAME>")
    conversion: ConversionLimits = Field(
        ConversionLimits(), description="limits of converted files, each as CONVERSION_<NAME>"
    )

    @field_validator("database_url")
    @classmethod
    def _is_postgres(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and not value.get_secret_value().startswith("postgresql://"):
            raise ValueError("must start with postgresql://")
        return value

    @field_validator("webhook_retry_delays", mode="before")
    @classmethod
    def _are_seconds(cls, value: object) -> object:
        return value.split(",") if isinstance(value, str) else value

    @field_validator("webhook_retry_delays")
    @classmethod
    def _are_bounded(cls, value: tuple[float, ...]) -> tuple[float, ...]:
        if not all(0 <= delay <= _WEEK for delay in value):
            raise ValueError("must be numbers of seconds, up to a week each, with commas between them")
        return value

    @field_validator("redis_url")
    @classmethod
    def _is_redis(cls, value: SecretStr | None) -> SecretStr | None:
        from app.documents.redis import is_redis_url

        if value is not None and not is_redis_url(value.get_secret_value()):
            raise ValueError("must be an address that starts with redis://, rediss:// or unix://")
        return value

    @field_validator("witness_logs")
    @classmethod
    def _are_logs(cls, value: str) -> str:
        from app.audit.witness_settings import parse_logs

        parse_logs(value)
        return value

    @field_validator("witnesses")
    @classmethod
    def _are_witnesses(cls, value: str) -> str:
        from app.audit.witness_settings import parse_witnesses

        parse_witnesses(value)
        return value

    @field_validator("retention")
    @classmethod
    def _has_periods(cls, value: str) -> str:
        from app.privacy.periods import periods

        periods(value)
        return value

    @field_validator("public_url", "tsa_url")
    @classmethod
    def _is_address(cls, value: str | None) -> str | None:
        if value is None:
            return None
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("must be a full http or https address")
        return value.rstrip("/")

    @model_validator(mode="after")
    def _hang_together(self) -> Settings:
        if self.host not in _LOOPBACK and not self.allow_insecure_demo:
            raise ValueError(
                "AUTH_MODE=demo lets anyone in, so it serves loopback addresses only; "
                "set ALLOW_INSECURE_DEMO=1 if you mean it"
            )
        if self.redis_url is not None and self.database_url is None:
            raise ValueError("REDIS_URL joins nodes over one database: set DATABASE_URL too")
        if self.redis_url is not None and self.secret_key is None:
            raise ValueError("REDIS_URL joins nodes that share a secret: set the same SECRET_KEY on each")
        return self

    @property
    def address(self) -> str:
        """Where people reach this installation, without a trailing slash."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return self.public_url or f"http://{host}:{self.port}"

    def signing_key(self) -> bytes:
        """The key that signs tickets; made on first use and kept in DATA_DIR, readable by the owner only."""
        if self.secret_key is not None:
            return self.secret_key.get_secret_value().encode()
        path = self.data_dir / "secret_key"
        try:
            return path.read_bytes()
        except FileNotFoundError:
            self.data_dir.mkdir(parents=True, exist_ok=True)
            key = secrets.token_urlsafe(48).encode()
            with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                file.write(key)
            return key


def load(environment: Mapping[str, str] = os.environ) -> Settings:
    """The settings of this process; raises ConfigurationError with one clear line."""
    known = set(Settings.model_fields)
    values: dict[str, Any] = {}
    limits: dict[str, dict[str, str]] = {}
    for variable, value in environment.items():
        name = variable.lower()
        if name in known and value:
            values[name] = value
        elif name in _LIMITS and value:
            group, limit = _LIMITS[name]
            limits.setdefault(group, {})[limit] = value
        elif name.removesuffix("_file") in SECRETS and name.endswith("_file") and value:
            values[name.removesuffix("_file")] = _from_file(variable, value)
        elif variable.startswith(_FAMILIES) and value and not _is_foreign(variable):
            raise ConfigurationError(f"{variable} is not a setting of interlink")
    for group in ("live", "conversion"):
        values.pop(group, None)
    try:
        return Settings.model_validate(values | limits)
    except ValidationError as error:
        first = error.errors()[0]
        name = "_".join(str(part) for part in first["loc"]).upper()
        message = first["msg"].removeprefix("Value error, ")
        raise ConfigurationError(f"{name}: {message}" if name else message) from None


def _is_foreign(variable: str) -> bool:
    """LOG_… is a name that other programs use too; only what looks like ours is called unknown."""
    return variable.startswith("LOG_") and variable not in ("LOG_FORMATS", "LOG_LEVELS", "LOG_FILE")


def _from_file(variable: str, path: str) -> str:
    try:
        return Path(path).read_text().strip()
    except OSError as error:
        raise ConfigurationError(f"{variable}: cannot read {path}: {error.strerror}") from None
