"""`serve_config.yaml`: what is wrong in it is said; what Serve would drop is refused."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from baukasten_serve.commands.doctor import doctor
from baukasten_serve.config import check_schema, default_path, read_config
from click.testing import CliRunner

from baukasten_core.errors import SettingsError

SHIPPED = Path(__file__).parents[2] / "serve_config.yaml"


def changed(tmp_path: Path, old: str, new: str) -> Path:
    text = SHIPPED.read_text()
    assert old in text
    path = tmp_path / "serve_config.yaml"
    path.write_text(text.replace(old, new, 1))
    return path


def test_the_shipped_file_is_right_and_every_application_has_the_same_settings() -> None:
    config = read_config(SHIPPED)
    check_schema(config)
    assert config.applications == {
        "api": "/",
        "gateway": "/v1",
        "embedder": "/v1/embeddings",
        "worker": None,
    }
    assert config.settings["server"]["port"] == config.document["http_options"]["port"]


def test_it_is_found_without_being_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert default_path().read_text() == SHIPPED.read_text()
    (tmp_path / "serve_config.yaml").write_text("applications: []")
    assert default_path() == tmp_path / "serve_config.yaml"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("proxy_location:", "proxy_locations:", "did you mean `proxy_location`"),
        ("keep_alive_timeout_s:", "keepalive_timeout_s:", "http_options.keepalive_timeout_s"),
        ("route_prefix: /v1\n", "route: /v1\n", "`applications[gateway].route`"),
        ("max_replicas: 4", "maximum_replicas: 4", "did you mean `max_replicas`"),
        (
            "target_ongoing_requests: 40",
            "target: 40",
            "deployments[api].autoscaling_config.target`",
        ),
        ("num_cpus: 0.2", "cpus: 0.2", "ray_actor_options.cpus`"),
        ("min_replicas: 1", "min_replicas: many", "min_replicas"),
    ],
)
def test_a_key_or_value_that_serve_does_not_know_is_an_error(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    with pytest.raises(SettingsError, match=said.replace("[", r"\[").replace("]", r"\]")):
        check_schema(read_config(changed(tmp_path, old, new)))


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("applications:", "apps:", "`applications` must be a list"),
        ("settings: *settings", "setting: *settings", "unknown key `args.setting`"),
        ("settings: *settings", "settings: {server: {port: 1}}", "the same `args.settings`"),
        ("- name: worker", "- title: worker", "needs a `name`"),
        ("applications:", "applications: [", "not valid YAML"),
    ],
)
def test_what_is_ours_in_the_file_is_checked_before_ray_starts(
    tmp_path: Path, old: str, new: str, said: str
) -> None:
    with pytest.raises(SettingsError, match=said):
        read_config(changed(tmp_path, old, new))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"missing\.yaml is not there"):
        read_config(tmp_path / "missing.yaml")


def test_the_pages_that_the_shipped_file_names_are_there() -> None:
    pages = re.findall(r"docs/[\w/.-]+\.md", SHIPPED.read_text())
    assert len(pages) >= 2
    assert [page for page in pages if not (SHIPPED.parent / page).exists()] == []


def test_doctor_names_the_key_that_serve_deploy_would_drop(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BAUKASTEN_HOME", str(tmp_path / "home"))
    path = changed(tmp_path, "proxy_location:", "proxy_locations:")
    done = CliRunner().invoke(doctor, ["--config", str(path)])
    assert done.exit_code == 1
    assert "unknown key `proxy_locations`; did you mean `proxy_location`?" in done.output
