"""docs/how-to/metrics.md: its programs run, and print what it says."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.needed import need

PAGE = Path(__file__).parents[1] / "docs" / "how-to" / "metrics.md"


@pytest.fixture
def show(tmp_path, monkeypatch):
    """Runs a program of the page, by its title, and returns what it printed."""
    monkeypatch.setenv("MEMOPICKLE_SECRET", "m" * 32)

    def show(title):
        program = re.search(rf'^```python title="{title}"\n(.*?)^```', PAGE.read_text(), re.DOTALL | re.MULTILINE)[1]
        (tmp_path / title).write_text(program)
        return subprocess.run(
            [sys.executable, title], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True
        )

    return show


def test_prometheus(show):
    need("prometheus_client")
    for times in (1, 2):
        printed = show("prometheus_stats.py").stdout
        assert 'cache_misses_total{function="prometheus_stats:total"} 2.0' in printed
        assert f'cache_hits_total{{function="prometheus_stats:total"}} {[1.0, 4.0][times - 1]}' in printed
        assert re.search(r'cache_bytes\{function="prometheus_stats:total"\} [1-9]', printed)


def test_opentelemetry(show):
    need("opentelemetry.sdk.metrics")
    (resource,) = json.loads(show("opentelemetry_events.py").stdout)["resource_metrics"]
    metrics = [metric for scope in resource["scope_metrics"] for metric in scope["metrics"]]
    points = {metric["name"]: metric["data"]["data_points"] for metric in metrics}
    outcomes = {point["attributes"]["outcome"]: point["value"] for point in points["cache.calls"]}
    assert outcomes == {"absent": 2, "hit": 1}
    assert [point["count"] for point in points["cache.compute"]] == [2]
    assert points["cache.saved"][0]["value"] > 0


def test_the_log(show, tmp_path):
    told = re.sub(r"\[\w+/\w+\.\w+\]", "[d07...]", show("debug.py").stderr).splitlines()
    shown = re.search(r"^```text\n(.*?)^```", PAGE.read_text(), re.DOTALL | re.MULTILINE)[1].splitlines()
    numbers = re.compile(r"\d[\d.e-]*")
    place = f"DirectoryStore('{tmp_path}/.cache')"
    assert [numbers.sub("N", line.replace(place, "STORE")) for line in told] == [
        numbers.sub("N", line.replace("DirectoryStore('/home/ada/.cache')", "STORE")) for line in shown
    ]
