"""Settings: frozen, documented, from the environment and `serve_config.yaml`; none at import.

Precedence, highest first: environment (`BAUKASTEN_<SECTION>_<KEY>`), the mapping given to
`load_settings` (the `settings` of `serve_config.yaml`), the generated secrets file, defaults.
An unknown key is an error that names the nearest known one.
"""

from __future__ import annotations

import difflib
import json
import os
import secrets
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import platformdirs
from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    IPvAnyNetwork,
    SecretStr,
    ValidationError,
    field_validator,
)
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

PREFIX = "BAUKASTEN_"
CLIENT_VARIABLES = frozenset({"BAUKASTEN_URL", "BAUKASTEN_TOKEN"})
"""Read by the client commands, not settings of the platform."""

MIN_SECRET_LENGTH = 32


class Section(BaseModel):
    """A group of settings; frozen, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


WELCOME = {
    "de": "KI-Anwendungen, die Ihre Daten dort lassen, wo sie hingehören. Legen Sie Dokumente ab, "
    "fragen Sie, und sehen Sie, woher jede Antwort kommt.",
    "en": "AI applications that leave your data where it belongs. Put documents in, ask, and see "
    "where each answer comes from.",
    "es": "Aplicaciones de IA que dejan sus datos donde deben estar. Añada documentos, pregunte y "
    "vea de dónde viene cada respuesta.",
}


class ServerSettings(Section):
    """The one HTTP port."""

    host: str = Field("127.0.0.1", description="Address the HTTP port listens on.")
    port: int = Field(8000, ge=1, le=65535, description="The one HTTP port.")
    public_url: str | None = Field(
        None, description="Address people use (mail links, OIDC). Unset: http://host:port."
    )
    trusted_proxies: tuple[IPvAnyNetwork, ...] = Field(
        (),
        description="Proxies whose `X-Forwarded-For` counts, addresses or networks (CIDR), besides "
        "this machine: load balancers, and the nodes of a cluster.",
    )
    max_body_mib: int = Field(64, ge=1, description="Largest request body other than an upload.")


class DatabaseSettings(Section):
    """PostgreSQL 15+ with pgvector 0.7+."""

    url: SecretStr | None = Field(
        None,
        description="The role that migrates; it may create roles, or the three exist already. "
        "Unset: the embedded PostgreSQL.",
    )
    app_url: SecretStr | None = Field(
        None,
        description="The role that serves; it owns nothing and can't bypass row-level security. "
        "Unset: `url` with the app role and its generated password.",
    )
    app_password: SecretStr | None = Field(
        None, description="Password of the app role where `app_url` is unset. Generated."
    )
    embedded_password: SecretStr | None = Field(
        None, description="Password of the embedded server's superuser. Generated."
    )
    role_prefix: str = Field(
        "baukasten",
        pattern=r"^[a-z][a-z0-9_]{0,40}$",
        description="Prefix of the roles `_owner`, `_app`, `_system`.",
    )
    pool_size: int = Field(8, ge=1, description="Connections a replica keeps at most.")
    connect_timeout: float = Field(5.0, gt=0, description="Seconds to wait for a connection.")
    statement_timeout: float = Field(30.0, gt=0, description="Seconds a statement may run.")


class AuthSettings(Section):
    """Accounts and tokens."""

    providers: tuple[str, ...] = Field(
        ("password", "api_key", "oidc"), description="Auth providers, asked in this order."
    )
    admin_email: str = Field(
        "admin@baukasten.local",
        description="Address of the first admin, made with a generated password by `up`.",
    )
    registration: bool = Field(True, description="Whether strangers may sign up.")
    registrations: int = Field(
        100, ge=1, description="Accounts that may be made from one address within an hour."
    )
    token_key: SecretStr | None = Field(
        None, description="Key that signs access tokens, 32 characters or more. Generated."
    )
    access_minutes: int = Field(15, ge=1, description="Lifetime of an access token, minutes.")
    refresh_days: int = Field(30, ge=1, description="Lifetime of a session, days.")
    mail_token_minutes: int = Field(60, ge=1, description="Lifetime of a mailed link, minutes.")
    attempts: int = Field(
        10, ge=1, description="Failed sign-ins for one account within the window."
    )
    address_attempts: int = Field(
        100,
        ge=1,
        description="Failed sign-ins, and tries to reset a password, from one address within the "
        "window. Many people may be behind one.",
    )
    attempt_window_minutes: int = Field(15, ge=1, description="That window, minutes.")
    oidc: Mapping[str, Mapping[str, Any]] = Field(
        default_factory=dict,
        description="OpenID Connect providers by name: `issuer`, `client_id`, `client_secret`, "
        "`scopes`, `title`.",
    )


class MailSettings(Section):
    """Mail to people."""

    provider: str = Field("console", description="Mailer: `console` (prints) or `smtp`.")
    options: Mapping[str, Any] = Field(
        default_factory=dict, description="The mailer's own options (`host`, `port`, `sender`...)."
    )


class StorageSettings(Section):
    """Where vectors and original files live."""

    vectors: str = Field("pgvector", description="Vector store.")
    vector_options: Mapping[str, Any] = Field(
        default_factory=dict, description="The vector store's own options."
    )
    blobs: str = Field("fsspec", description="Blob store.")
    blob_options: Mapping[str, Any] = Field(
        default_factory=dict,
        description="The blob store's options; `url` defaults to the folder `blobs` in `home`.",
    )


class DocumentSettings(Section):
    """Limits on what comes from outside, and how text is cut into chunks."""

    max_upload_mib: int = Field(25, ge=1, description="Largest upload, MiB.")
    max_text_mib: int = Field(32, ge=1, description="Most text a document may hold, MiB.")
    max_pages: int = Field(5000, ge=1, description="Most pages a document may have.")
    extract_seconds: float = Field(300.0, gt=0, description="Time an extraction may take.")
    extract_memory_mib: int = Field(2048, ge=256, description="Memory an extraction may take.")
    check_seconds: float = Field(5.0, gt=0, description="Time of the quick look at an upload.")
    chunk_characters: int = Field(900, ge=100, description="Longest chunk, characters.")
    fetch_urls: bool = Field(
        True,
        description="Whether people may have public web addresses fetched. Nothing but the "
        "address leaves; switch it off where even that must not.",
    )
    fetch_seconds: float = Field(20.0, gt=0, description="Time fetching an address may take.")
    fetch_mib: int = Field(10, ge=1, description="Most that is read from an address, MiB.")


class EmbedderSettings(Section):
    """A further embedder."""

    provider: str
    options: Mapping[str, Any] = Field(default_factory=dict)


class EmbeddingSettings(Section):
    """The embedder."""

    provider: str = Field("openvino", description="Embedding provider.")
    options: Mapping[str, Any] = Field(default_factory=dict, description="Its own options.")
    more: Mapping[str, EmbedderSettings] = Field(
        default_factory=dict,
        description="Further embedders by name, `provider` and `options` each: those whose spaces "
        "documents are still in, or are to be moved to (`baukasten embeddings`).",
    )
    threads: int | None = Field(None, ge=1, description="Threads; unset: what the replica has.")
    max_queue: int = Field(512, ge=1, description="Requests that may wait before 503.")

    @field_validator("more")
    @classmethod
    def _no_second_default(
        cls, more: Mapping[str, EmbedderSettings]
    ) -> Mapping[str, EmbedderSettings]:
        if "default" in more:
            raise ValueError(
                "`default` is the embedder of `embedding.provider`; call this one something else"
            )
        return more


class RetrievalSettings(Section):
    """Search."""

    reranker: str | None = Field(None, description="Reranker; none by default.")
    reranker_options: Mapping[str, Any] = Field(default_factory=dict, description="Its options.")
    exact_below: int = Field(
        20_000, ge=0, description="Chunks of a tenant up to which dense search is exact."
    )
    relevant_score: float = Field(
        0.35, ge=0, le=1, description="Score under which a passage counts as not relevant."
    )


class RouteCondition(Section):
    """For which requests a target of a route is there."""

    images: bool | None = None
    tools: bool | None = None
    structured: bool | None = None
    least_tokens: int | None = Field(None, ge=0)
    most_tokens: int | None = Field(None, ge=1)


class RouteTarget(Section):
    """An instance, or one of its models."""

    to: str = Field(min_length=1)
    weight: float | None = Field(None, gt=0)
    when: RouteCondition = RouteCondition()

    @property
    def instance(self) -> str:
        """Lower case, as instances are known."""
        return self.to.partition("/")[0].lower()

    @property
    def model(self) -> str:
        """Empty for the instance's default."""
        return self.to.partition("/")[2]


class TokenPrice(Section):
    """Of a million tokens."""

    prompt: float = Field(0.0, ge=0)
    completion: float = Field(0.0, ge=0)


class LimitSettings(Section):
    """What a tenant may use; unset limits nothing."""

    requests_per_minute: int | None = Field(None, ge=0, description="Requests a minute.")
    tokens_per_minute: int | None = Field(None, ge=0, description="Tokens a minute.")
    tokens_per_month: int | None = Field(None, ge=0, description="Tokens a month (UTC).")
    money_per_month: float | None = Field(
        None, ge=0, description="Money a month (UTC), in `llm.currency`."
    )


class LLMSettings(Section):
    """Language models. An instance is one configured server or vendor account."""

    instances: Mapping[str, Mapping[str, Any]] = Field(
        default_factory=lambda: {
            "ollama": {"provider": "ollama"},
            "anthropic": {"provider": "anthropic"},
            "grok": {"provider": "grok"},
            "extractive": {"provider": "extractive"},
        },
        description="By name: `provider` and that provider's own options (`base_url`, `api_key`, "
        "`region`, `processor`, `model`, ...).",
    )
    chain: tuple[str, ...] = Field(
        ("ollama", "extractive"),
        description="Instances asked in turn when the caller names none.",
    )
    routes: Mapping[str, tuple[RouteTarget, ...]] = Field(
        default_factory=dict,
        description="Further lists by name, for callers who name one as their model: `to` (an "
        "instance, or `instance/model`), `weight` (its share among its neighbours with one), "
        "`when` (`images`, `tools`, `structured`, `least_tokens`, `most_tokens`).",
    )
    retries: int = Field(
        1, ge=0, le=5, description="How often all are asked again when none of them answers."
    )
    prices: Mapping[str, TokenPrice] = Field(
        default_factory=dict,
        description="Of a million tokens, `prompt` and `completion`, by `instance/model` or by "
        "`instance`; what is not there is free.",
    )
    currency: str = Field("EUR", min_length=1, max_length=8, description="Of those prices.")
    limits: LimitSettings = Field(
        LimitSettings(),
        description="Of each tenant, whatever it sets itself: `requests_per_minute`, "
        "`tokens_per_minute`, `tokens_per_month`, `money_per_month`.",
    )
    unsettled_hours: float = Field(
        24.0,
        gt=0,
        description="After which counts as used what a process that died had set aside.",
    )
    cache_minutes: float | None = Field(
        None,
        gt=0,
        le=1440,
        description="For how long the same question in the same tenant gets the answer that was "
        "given before. Unset: never.",
    )
    timeout: float = Field(
        1800.0,
        ge=1,
        le=86_400,
        description="Seconds for a whole answer where the request says none; a model on CPUs may "
        "need many. Until it begins: `first_token_timeout` of the instance.",
    )


class SpeechSettings(Section):
    """Transcription; none by default."""

    provider: str | None = Field(None, description="Speech provider.")
    options: Mapping[str, Any] = Field(default_factory=dict, description="Its own options.")


class PrivacySettings(Section):
    """Where data may go, and for how long it stays."""

    residency: tuple[str, ...] = Field(
        ("local",), description="Regions where a new tenant's data may be processed."
    )
    audit_days: int = Field(365, ge=1, description="Days the audit log is kept.")
    controller: str = Field("", description="Who is responsible, for the Article 30 record.")


class JobSettings(Section):
    """Durable background work."""

    concurrency: int = Field(2, ge=1, description="Jobs a worker runs at a time.")
    in_process: bool = Field(
        False, description="Run jobs inside the API process (tests, a library user's own server)."
    )
    stalled_seconds: float = Field(30.0, gt=0, description="When a silent job counts as stalled.")


class TelemetrySettings(Section):
    """Traces for an OpenTelemetry collector. They hold identifiers, never texts."""

    otlp_endpoint: str | None = Field(
        None,
        description="Where spans are sent (OTLP over HTTP), such as "
        "`http://127.0.0.1:4318/v1/traces`; needs `pip install baukasten-core[tracing]`.",
    )


class PluginSettings(Section):
    """Plugins."""

    disabled: tuple[str, ...] = Field((), description="Installed plugins that are not loaded.")
    options: Mapping[str, Mapping[str, Any]] = Field(
        default_factory=dict, description="Each plugin's own options, by its name."
    )


class Settings(BaseSettings):
    """All settings of a platform. Make one with `load_settings`."""

    model_config = SettingsConfigDict(
        frozen=True,
        extra="forbid",
        env_prefix=PREFIX,
        env_nested_delimiter="_",
        env_nested_max_split=1,
        nested_model_default_partial_update=True,
    )

    home: Path = Field(
        default_factory=lambda: platformdirs.user_data_path("baukasten"),
        description="Folder for everything the platform writes: database, files, secrets, logs.",
    )
    mode: Literal["development", "production"] = Field(
        "development", description="`production` refuses missing or default secrets."
    )
    title: str = Field("Baukasten", description="What this installation is called.")
    welcome: Mapping[str, str] = Field(
        default_factory=lambda: dict(WELCOME),
        description="What the front page says about this installation: a text for each language "
        "(`de`, `en`, `es`). Unset: a general one.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="What is logged."
    )
    server: ServerSettings = ServerSettings()
    database: DatabaseSettings = DatabaseSettings()
    auth: AuthSettings = AuthSettings()
    mail: MailSettings = MailSettings()
    storage: StorageSettings = StorageSettings()
    documents: DocumentSettings = DocumentSettings()
    embedding: EmbeddingSettings = EmbeddingSettings()
    retrieval: RetrievalSettings = RetrievalSettings()
    llm: LLMSettings = LLMSettings()
    speech: SpeechSettings = SpeechSettings()
    privacy: PrivacySettings = PrivacySettings()
    jobs: JobSettings = JobSettings()
    telemetry: TelemetrySettings = TelemetrySettings()
    plugins: PluginSettings = PluginSettings()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        return env_settings, init_settings

    @property
    def public_url(self) -> str:
        """The address people use, without a trailing slash."""
        url = self.server.public_url or f"http://{self.server.host}:{self.server.port}"
        return url.rstrip("/")


def load_settings(values: Mapping[str, Any] | None = None) -> Settings:
    """Settings from `values` and the environment, with secrets filled in.

    In development, missing secrets are generated into `<home>/secrets.json` (owner only) on
    first use. In production, they must be there.

    Raises:
        ValueError: with a sentence that names the wrong key and the nearest known one.
    """
    _refuse_unknown_variables(os.environ)
    settings = _validated(dict(values or {}))
    settings = _validated(_with_secrets(dict(values or {}), settings))
    if settings.mode == "production":
        _refuse_weak(settings)
    return settings


def setting_names(model: type[BaseModel] = Settings, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every setting as (`section.key`, its field), for the reference and its test."""
    for name, field in model.model_fields.items():
        kind = field.annotation
        # A section within a section is one setting, also as a variable: a mapping.
        if not path and isinstance(kind, type) and issubclass(kind, Section):
            yield from setting_names(kind, f"{path}{name}.")
        else:
            yield f"{path}{name}", field


def variable(name: str) -> str:
    """The environment variable of a setting: `database.url` -> `BAUKASTEN_DATABASE_URL`."""
    return PREFIX + name.replace(".", "_").upper()


def _validated(values: dict[str, Any]) -> Settings:
    try:
        return Settings(**values)
    except ValidationError as error:
        raise ValueError(_explain(error)) from None


def _explain(error: ValidationError) -> str:
    known = [name for name, _ in setting_names()]
    sentences = []
    for item in error.errors(include_input=False, include_url=False):
        path = ".".join(str(part) for part in item["loc"])
        if item["type"] == "extra_forbidden":
            sentences.append(f"unknown setting `{path}`{_nearest(path, known)}")
        else:
            sentences.append(f"setting `{path}`: {item['msg']}")
    return "; ".join(sentences)


def _nearest(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    return f"; did you mean `{near[0]}`?" if near else ""


def _refuse_unknown_variables(environment: Mapping[str, str]) -> None:
    known = {variable(name) for name, _ in setting_names()} | CLIENT_VARIABLES
    known |= {variable(section) for section in Settings.model_fields}
    for name in environment:
        if name.startswith(PREFIX) and name not in known:
            raise ValueError(f"unknown setting `{name}`{_nearest(name, sorted(known))}")


# --- secrets ------------------------------------------------------------------------------

SECRETS = (("auth", "token_key"), ("database", "app_password"), ("database", "embedded_password"))


def _with_secrets(values: dict[str, Any], settings: Settings) -> dict[str, Any]:
    path = settings.home / "secrets.json"
    stored: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
    merged = {
        key: dict(part) if isinstance(part, Mapping) else part for key, part in values.items()
    }
    missing = []
    for section, key in SECRETS:
        if getattr(getattr(settings, section), key) is not None:
            continue
        if f"{section}.{key}" not in stored:
            missing.append((section, key))
            continue
        merged.setdefault(section, {})[key] = stored[f"{section}.{key}"]
    if settings.mode == "production":
        _refuse_missing(missing, settings)
    elif missing:
        new = {f"{section}.{key}": secrets.token_urlsafe(48) for section, key in missing}
        stored = _store_secrets(path, new)
        for section, key in missing:
            merged.setdefault(section, {})[key] = stored[f"{section}.{key}"]
    return merged


def _store_secrets(path: Path, new: dict[str, str]) -> dict[str, str]:
    """Add secrets to the owner-only file; another process may be doing the same."""
    import fcntl

    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), "r+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        text = file.read()
        stored: dict[str, str] = {**new, **(json.loads(text) if text else {})}
        file.seek(0)
        file.truncate()
        json.dump(stored, file, indent=2)
    return stored


def _refuse_missing(missing: list[tuple[str, str]], settings: Settings) -> None:
    needed = [secret for secret in _secrets_in_use(settings) if secret in missing]
    if needed:
        names = ", ".join(variable(f"{section}.{key}") for section, key in needed)
        raise ValueError(f"production mode needs these secrets to be set: {names}")


def _refuse_weak(settings: Settings) -> None:
    weak = [
        variable(f"{section}.{key}")
        for section, key in _secrets_in_use(settings)
        if len(getattr(getattr(settings, section), key).get_secret_value()) < MIN_SECRET_LENGTH
    ]
    if weak:
        raise ValueError(
            f"production mode refuses {', '.join(weak)}: a secret must be random and have "
            f"{MIN_SECRET_LENGTH} characters or more"
        )


def _secrets_in_use(settings: Settings) -> list[tuple[str, str]]:
    database = settings.database
    unused = set()
    if database.app_url is not None:
        unused.add("app_password")
    if database.app_url is not None or database.url is not None:
        unused.add("embedded_password")
    return [(section, key) for section, key in SECRETS if key not in unused]
