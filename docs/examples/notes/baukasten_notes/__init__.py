from pathlib import Path

from baukasten_core.api import CurrentProject, PersonalData, ProjectOwned, Session
from baukasten_core.api import Showcase, hookimpl, showcase_base
from fastapi import APIRouter, Body
from sqlalchemy import select
from sqlalchemy.orm import Mapped

router = APIRouter()


class Note(ProjectOwned, showcase_base("notes")):
    __tablename__ = "notes"
    text: Mapped[str]


@router.post("/projects/{project_id}/notes", status_code=201)
async def add(project: CurrentProject, session: Session, text: str = Body(embed=True)) -> None:
    session.add(Note(project_id=project.id, text=text))


@router.get("/projects/{project_id}/notes")
async def read(project: CurrentProject, session: Session) -> list[str]:
    return list(await session.scalars(select(Note.text).where(Note.project_id == project.id)))


@hookimpl
def register_showcase() -> Showcase:
    return Showcase(
        name="notes",
        title={"en": "Notes", "de": "Notizen", "es": "Notas"},
        router=router,
        tables=Note.metadata,
        migrations=Path(__file__).parent / "migrations",
        data_map=[PersonalData("notes", "whoever writes them", "to remember", "contract")],
    )
