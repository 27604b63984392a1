from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from sandbox.azurite import StorageEndpoints
from sandbox.host.process import HostProcess, running_host
from tests.conftest import NewAccount

type SettingsFor = Callable[[str], Mapping[str, str]]


@pytest.fixture(scope="session")
def app() -> Path:
    return Path(__file__).with_name("sample_app")


@pytest.fixture(scope="session")
def azurite(new_account: NewAccount) -> StorageEndpoints:
    return new_account()


@pytest.fixture(scope="session")
def settings(azurite: StorageEndpoints) -> SettingsFor:
    """The sample app's settings, with the queue that feeds `work`."""

    def settings_for(queue: str) -> Mapping[str, str]:
        return {
            "SAMPLE_SCHEDULE": "0 30 0 * * *",
            "SAMPLE_QUEUE": queue,
            "SAMPLE_RESULTS": f"{queue}-results",
            "SampleStorage": azurite.connection_string,
        }

    return settings_for


@pytest.fixture(scope="session")
def running(app: Path, settings: SettingsFor) -> Iterator[HostProcess]:
    """The sample app in a separate process."""
    with running_host(app, settings=settings("running")) as host:
        yield host
