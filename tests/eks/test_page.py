"""Every action of the page, as tests/web has them, through the Ingress and with a token."""

import pytest

from tests.e2e.eks import TOKEN
from tests.web.conftest import Site, browser, complaints, open_page, page, word
from tests.web.test_editing import *  # noqa: F403
from tests.web.test_list import *  # noqa: F403
from tests.web.test_transfer import *  # noqa: F403

__all__ = ["browser", "complaints", "open_page", "page", "word"]  # Fixtures: pytest finds them by their names.


@pytest.fixture(scope="session")
def site(eks: str) -> Site:
    return Site(eks, TOKEN)
