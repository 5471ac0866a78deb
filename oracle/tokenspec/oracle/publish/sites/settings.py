"""Catalogue and policies from a site's configuration."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tokenspec.oracle.base.specification import DEFAULT, DEFAULTS, AnyCatalogue
from tokenspec.oracle.wire.settings import catalogue_from_file, policy_from


def settings_of(catalogue: str | None, policy: Mapping[str, str], folder: Path) -> tuple[AnyCatalogue, dict[str, str]]:
    """Returns the catalogue of the file, from `folder`, and the policies with defaults. Raises `BadSetting`, `OSError`."""
    policy_from(policy)
    return (DEFAULT if catalogue is None else catalogue_from_file(folder / catalogue)), {**DEFAULTS, **policy}
