"""The dashboard shows what the sinks expose, and the containers are set up to show it."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client import CollectorRegistry
from tests.support.observing import samples, trip

from valkey_redis import FixedWindow, ServerTimeoutError, ValkeyClient
from valkey_redis.caching import EVENTS
from valkey_redis.decision import Decision
from valkey_redis.embedded import EmbeddedServer
from valkey_redis.examples.service.settings import Settings
from valkey_redis.prometheus import PrometheusObserver, ServerCollector

ROOT = Path(__file__).resolve().parents[2]
DASHBOARD = ROOT / "docker/grafana/dashboards/valkey.json"
PROVISIONING = ROOT / "docker/grafana/provisioning"
# What may be written in PromQL beside names of metrics and labels.
WORDS = set(
    "sum max count rate by or le vector histogram_quantile __rate_interval hit miss refused".split()
)


def load(path: Path) -> Any:
    """Return what a YAML file says."""
    return yaml.safe_load(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def dashboard() -> dict[str, Any]:
    """Return the dashboard."""
    found: dict[str, Any] = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    return found


@pytest.fixture(scope="module")
def exposed(request: pytest.FixtureRequest) -> Iterator[dict[str, set[str]]]:
    """Return the labels of each metric that is exposed, by a real server and busy clients."""
    request.getfixturevalue("server")  # decides on the platform, and fails first if it must
    registry = CollectorRegistry()
    observer = PrometheusObserver(registry)
    for event in EVENTS:
        observer.on_cache("users", event, 0.1, 1)
    observer.on_round_trip(trip(error=ServerTimeoutError("away")))
    observer.on_retry("valkey://h", "GET")
    observer.on_breaker("valkey://h", "open")
    for allowed in (True, False):
        observer.on_limit(Decision(allowed, FixedWindow(1, per=1), 0, 1.0, 1.0))
    with (
        EmbeddedServer(settings={"maxmemory": "100mb"}) as server,
        ValkeyClient(server.config) as client,
    ):
        registry.register(ServerCollector(client))
        found: dict[str, set[str]] = {}
        for name, *labels in samples(registry):
            found.setdefault(name, set()).update(label.partition("=")[0] for label in labels)
        yield found


def panels(dashboard: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the panels that show something."""
    return [panel for panel in dashboard["panels"] if panel["type"] != "row"]


def queries(dashboard: dict[str, Any]) -> list[str]:
    """Return all that is asked of Prometheus."""
    return [target["expr"] for panel in panels(dashboard) for target in panel["targets"]]


def metrics_of(query: str) -> set[str]:
    """Return the metrics that a query names."""
    return set(re.findall(r"valkey_[a-z_]+", query))


def test_every_metric_of_the_dashboard_is_exposed(
    dashboard: dict[str, Any], exposed: dict[str, set[str]]
) -> None:
    """By its exact name, as counters and histograms have it."""
    for query in queries(dashboard):
        assert metrics_of(query)
        assert metrics_of(query) <= exposed.keys(), query


def test_every_metric_that_is_exposed_is_on_the_dashboard(
    dashboard: dict[str, Any], exposed: dict[str, set[str]]
) -> None:
    """But for a histogram's sum, which nothing here needs."""
    shown = set().union(*map(metrics_of, queries(dashboard)))
    missing = {name for name in exposed.keys() - shown if not name.endswith("_sum")}
    assert missing == set()


def test_every_label_of_the_dashboard_is_one_of_its_metrics(
    dashboard: dict[str, Any], exposed: dict[str, set[str]]
) -> None:
    """In groups, in matchers and in legends; and nothing else is in a query but known words."""
    for panel in panels(dashboard):
        for target in panel["targets"]:
            query = target["expr"]
            known = set().union(*(exposed[name] for name in metrics_of(query)))
            words = set(re.findall(r"[A-Za-z_]+", re.sub(r"valkey_[a-z_]+", "", query)))
            assert words <= known | WORDS, query
            grouped = re.findall(r"by \(([a-z, ]+)\)", query)
            assert set(", ".join(grouped).split(", ")) - {""} <= known, query
            assert set(re.findall(r"{{(\w+)}}", target["legendFormat"])) <= known, query
            for event in re.findall(r'event=~?"([a-z_|]+)"', query):
                assert set(event.split("|")) <= set(EVENTS)
            assert query.count("(") == query.count(")")


def test_the_panels_are_well_formed(dashboard: dict[str, Any]) -> None:
    """Each has an id and a place of its own, a title, a word of explanation, and a unit."""
    idents = [panel["id"] for panel in dashboard["panels"]]
    assert len(idents) == len(set(idents))
    cells = set()
    for panel in dashboard["panels"]:
        place = panel["gridPos"]
        own = {
            (place["x"] + x, place["y"] + y) for x in range(place["w"]) for y in range(place["h"])
        }
        assert not own & cells
        assert max(x for x, _ in own) < 24
        cells |= own
        assert panel["title"]
    for panel in panels(dashboard):
        assert panel["description"]
        assert panel["fieldConfig"]["defaults"]["unit"]
        letters = [target["refId"] for target in panel["targets"]]
        assert len(letters) == len(set(letters)) > 0


def test_grafana_asks_prometheus_and_prometheus_the_service(dashboard: dict[str, Any]) -> None:
    """The addresses and names of the files agree, and the scrape waits longer than the collector."""
    [source] = load(PROVISIONING / "datasources/prometheus.yml")["datasources"]
    asked = {panel["datasource"]["uid"] for panel in panels(dashboard)}
    assert asked == {source["uid"]}
    services = load(ROOT / "docker-compose.yml")["services"]
    listening = f"--web.listen-address={source['url'].removeprefix('http://')}"
    assert listening in services["prometheus"]["command"]
    scraping = load(ROOT / "docker/prometheus.yml")
    [job] = scraping["scrape_configs"]
    port = Settings.model_fields["port"].default
    assert job["static_configs"] == [{"targets": [f"127.0.0.1:{port}"]}]
    assert "metrics_path" not in job  # /metrics
    assert int(scraping["global"]["scrape_timeout"].removesuffix("s")) > 1


def test_the_containers_show_themselves_to_nobody_else() -> None:
    """Both listen on 127.0.0.1 alone; whoever looks may only look; what they mount is there."""
    services = load(ROOT / "docker-compose.yml")["services"]
    chosen = {name for name, one in services.items() if one.get("profiles") == ["observability"]}
    assert chosen == {"prometheus", "grafana"}
    for name in chosen:
        service = services[name]
        assert re.fullmatch(r"[a-z/]+:v?\d+\.\d+\.\d+", service["image"])
        assert service["network_mode"] == "host"
        for volume in service["volumes"]:
            path, inside, mode = volume.split(":")
            assert (ROOT / path).exists()
            assert inside.startswith("/etc/")
            assert mode == "ro"
    settings = services["grafana"]["environment"]
    assert settings["GF_SERVER_HTTP_ADDR"] == "127.0.0.1"
    assert settings["GF_AUTH_ANONYMOUS_ORG_ROLE"] == "Viewer"
    [provider] = load(PROVISIONING / "dashboards/workshop.yml")["providers"]
    mounted = [volume.split(":")[:2] for volume in services["grafana"]["volumes"]]
    inside = {target: ROOT / path for path, target in mounted}
    assert DASHBOARD in inside[provider["options"]["path"]].iterdir()
    home = settings["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert home == f"{provider['options']['path']}/{DASHBOARD.name}"
    for other in services.keys() - chosen:
        assert all(port.startswith("127.0.0.1:") for port in services[other]["ports"])
