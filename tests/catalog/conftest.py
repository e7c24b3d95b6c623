"""A small module without a cloud provider, read and published, for the tests of the catalog."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest

from catalog import manifest as manifests
from catalog.manifest import Manifest
from catalog.manifest_check import read_manifest
from catalog.models import CatalogItemVersion
from catalog.spec import ParameterSpec
from catalog.sync import sync_catalog
from catalog.variables import read_variables

MODULES = Path(__file__).parent / "modules"
NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)


@cache
def read_bucket() -> tuple[Manifest, ParameterSpec]:
    """Return the bucket's manifest and parameters."""
    folder = MODULES / "bucket"
    read = read_manifest(
        (folder / "catalog.yaml").read_text(),
        read_variables((folder / "variables.tf").read_text()),
        slug="bucket",
    )
    assert read.problems == ()
    assert read.manifest is not None
    assert read.spec is not None
    return read.manifest, read.spec


def unsaved_version() -> CatalogItemVersion:
    """Return the bucket's version without a database."""
    manifest, spec = read_bucket()
    return CatalogItemVersion(
        version=manifest.version, manifest=manifests.to_json(manifest), parameter_spec=spec.to_json()
    )


@pytest.fixture(scope="session")
def bucket() -> CatalogItemVersion:
    """The bucket's version without a database."""
    return unsaved_version()


@pytest.fixture
def modules(tmp_path: Path) -> Path:
    """A folder of modules that the test may change: a copy of the bucket."""
    root = tmp_path / "terraform_modules"
    shutil.copytree(MODULES, root)
    return root


@pytest.fixture
def published(modules: Path, db: None) -> CatalogItemVersion:
    """The bucket's version in the database."""
    assert sync_catalog(modules, NOW).refused == ()
    return CatalogItemVersion.objects.get(item__slug="bucket")
