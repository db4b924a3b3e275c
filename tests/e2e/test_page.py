"""Every action of the page, as tests/web has them, through the node's port: with nginx and its headers."""

import pytest

from tests.web.conftest import Site, browser, complaints, open_page, packages, page, word
from tests.web.test_accessibility import *  # noqa: F403
from tests.web.test_editing import *  # noqa: F403
from tests.web.test_lighthouse import *  # noqa: F403
from tests.web.test_list import *  # noqa: F403
from tests.web.test_transfer import *  # noqa: F403

# Fixtures: pytest finds them by their names.
__all__ = ["browser", "complaints", "open_page", "packages", "page", "word"]


@pytest.fixture(scope="session")
def site(minikube: str) -> Site:
    return Site(minikube)
