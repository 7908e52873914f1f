"""What stops a site before it is served."""

import pytest

from accounts.models import User
from liveshop.preparing import CannotRun, need_no_demo
from tests.browser.site import test_database_url as database_url


@pytest.mark.django_db(transaction=True)
def test_a_demos_database_is_not_for_production(viewer: User) -> None:
    need_no_demo(database_url())
    User.objects.filter(pk=viewer.pk).update(is_demo=True)
    with pytest.raises(CannotRun, match="demo"):
        need_no_demo(database_url())
