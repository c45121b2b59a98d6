"""`/system`: what pages say about this installation before anybody signs in."""

from __future__ import annotations

from collections.abc import Mapping

from fastapi import APIRouter
from pydantic import BaseModel, Field

from baukasten_core import __version__
from baukasten_core.documents.detect import SUPPORTED
from baukasten_core.http.dependencies import ServicesDep
from baukasten_core.settings import Settings

router = APIRouter(prefix="/system", tags=["system"])


class ShowcaseOut(BaseModel):
    """An installed showcase; `title` and `description` by language, English at least."""

    name: str
    title: Mapping[str, str]
    description: Mapping[str, str]
    pages: bool = Field(description="It has pages at `/apps/<name>/`.")


class InstallationOut(BaseModel):
    """What this installation is, and what it takes."""

    title: str
    text: Mapping[str, str] = Field(description="What the operator says about it, by language.")
    version: str
    residency: list[str] = Field(description="Where data may be processed by default.")
    regions: list[str] = Field(description="Where data can be processed at all.")
    registration: bool
    currency: str
    max_upload_mib: int
    file_types: list[str] = Field(description="Endings of the files that can be read.")
    showcases: list[ShowcaseOut]


@router.get("", response_model=InstallationOut)
async def installation(services: ServicesDep) -> InstallationOut:
    """What this installation is: open to everybody, so it says nothing secret."""
    settings = services.settings
    return InstallationOut(
        title=settings.title,
        text=settings.welcome,
        version=__version__,
        residency=list(settings.privacy.residency),
        regions=_regions(settings),
        registration=settings.auth.registration,
        currency=settings.llm.currency,
        max_upload_mib=settings.documents.max_upload_mib,
        file_types=[suffix for kind in SUPPORTED for suffix in kind.suffixes],
        showcases=[
            ShowcaseOut(
                name=name,
                title=showcase.title,
                description=showcase.description,
                pages=showcase.pages is not None,
            )
            for name, showcase in services.host.showcases().items()
        ],
    )


def _regions(settings: Settings) -> list[str]:
    """This installation, what is allowed by default, and where a configured model is."""
    declared = {str(config.get("region") or "local") for config in settings.llm.instances.values()}
    return ["local", *sorted(({*settings.privacy.residency} | declared) - {"local"})]
