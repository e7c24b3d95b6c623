"""The catalog in Django's admin."""

import pytest
from django.urls import reverse


@pytest.mark.django_db
class TestAdmin:
    @pytest.mark.parametrize(
        "model", ["team", "costcenter", "environment", "service", "catalogitem", "catalogitemversion"]
    )
    def test_lists_every_table(self, client, org, published, model):
        client.force_login(org.platform)
        assert client.get(reverse(f"admin:catalog_{model}_changelist")).status_code == 200

    def test_shows_a_version_and_lets_nobody_change_it(self, client, org, published):
        client.force_login(org.platform)
        url = reverse("admin:catalog_catalogitemversion_change", args=[published.pk])
        page = client.get(url)
        assert page.status_code == 200
        assert published.module_digest in page.content.decode()
        assert client.post(url, {"version": "9.9.9"}).status_code == 403
        published.refresh_from_db()
        assert published.version == "1.0.0"
