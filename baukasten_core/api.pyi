"""The public names and where they live; `api.py` imports each when it is first used.

`as` says that a name is meant for others (and keeps linters from taking it for unused).
"""

# --- plugins ------------------------------------------------------------------------------
from .contracts.commands import Command as Command
from .contracts.provider import Provider as Provider
from .contracts.provider import ProviderConfig as ProviderConfig
from .contracts.showcase import Job as Job
from .contracts.showcase import PersonalData as PersonalData
from .contracts.showcase import ProjectConfig as ProjectConfig
from .contracts.showcase import Showcase as Showcase
from .contracts.showcase import ShowcaseOptions as ShowcaseOptions
from .contracts.showcase import TextTransform as TextTransform
from .contracts.showcase import TransformedText as TransformedText
from .hookspecs import hookimpl as hookimpl

# --- routes -------------------------------------------------------------------------------
from .contracts.auth import Language as Language
from .contracts.auth import Principal as Principal
from .http.dependencies import Caller as Caller
from .http.dependencies import CurrentKit as CurrentKit
from .http.dependencies import CurrentProject as CurrentProject
from .http.dependencies import PageCursor as PageCursor
from .http.dependencies import PageLimit as PageLimit
from .http.dependencies import Session as Session
from .http.errors import problem_of as problem_of
from .http.errors import problem_responses as problem_responses
from .http.paging import paged as paged
from .kit import Kit as Kit
from .projects.models import Project as Project
from .projects.service import get_project as get_project

# --- tables -------------------------------------------------------------------------------
from .db.base import ProjectOwned as ProjectOwned
from .db.base import TenantOwned as TenantOwned
from .db.base import showcase_base as showcase_base
from .db.paging import Cursor as Cursor
from .db.tenancy import create_tenant_table as create_tenant_table
from .db.tenancy import drop_tenant_table as drop_tenant_table

# --- language models ----------------------------------------------------------------------
from .contracts.gateway import Answer as Answer
from .contracts.gateway import GatewayEvent as GatewayEvent
from .contracts.gateway import Routed as Routed
from .contracts.gateway import collect as collect
from .contracts.llm import Capabilities as Capabilities
from .contracts.llm import Event as Event
from .contracts.llm import Finished as Finished
from .contracts.llm import GenerateRequest as GenerateRequest
from .contracts.llm import Image as Image
from .contracts.llm import LLMProvider as LLMProvider
from .contracts.llm import Message as Message
from .contracts.llm import Model as Model
from .contracts.llm import CheckedProvider as CheckedProvider
from .contracts.llm import PullingProvider as PullingProvider
from .contracts.llm import RemoteConfig as RemoteConfig
from .contracts.llm import Source as Source
from .contracts.llm import TextDelta as TextDelta
from .contracts.llm import Tool as Tool
from .contracts.llm import ToolCall as ToolCall
from .contracts.llm import ToolCallDelta as ToolCallDelta
from .contracts.llm import Usage as Usage

# --- other providers ----------------------------------------------------------------------
from .contracts.auth import AuthProvider as AuthProvider
from .contracts.embedding import EmbeddingProvider as EmbeddingProvider
from .contracts.embedding import EmbeddingSpace as EmbeddingSpace
from .contracts.mail import Mailer as Mailer
from .contracts.reranking import Reranker as Reranker
from .contracts.speech import SpeechProvider as SpeechProvider
from .contracts.speech import SpeechSegment as SpeechSegment
from .contracts.storage import BlobStore as BlobStore
from .contracts.storage import VectorStore as VectorStore

# --- retrieval, evidence, conversations ---------------------------------------------------
from .contracts.retrieval import DocumentText as DocumentText
from .contracts.retrieval import Passage as Passage
from .conversations.models import Conversation as Conversation
from .conversations.service import add_message as add_message
from .conversations.service import count_conversations as count_conversations
from .conversations.service import delete_conversation as delete_conversation
from .conversations.service import delete_messages_from as delete_messages_from
from .conversations.service import get_conversation as get_conversation
from .conversations.service import list_conversations as list_conversations
from .conversations.service import list_messages as list_messages
from .conversations.service import rename_conversation as rename_conversation
from .conversations.service import start_conversation as start_conversation
from .documents.language import LanguageDetector as LanguageDetector
from .documents.terms import terms as terms
from .documents.totals import totals as totals
from .evidence.citations import Citation as Citation
from .evidence.citations import cite as cite
from .evidence.citations import cited_numbers as cited_numbers
from .evidence.quotes import Span as Span
from .evidence.quotes import find_quote as find_quote
from .evidence.sentences import sentences as sentences
from .tokens import count_tokens as count_tokens

# --- documents for people -----------------------------------------------------------------
from .render.catalogues import Messages as Messages
from .render.clean import clean as clean
from .render.docx import Bullets as Bullets
from .render.docx import Heading as Heading
from .render.docx import PageBreak as PageBreak
from .render.docx import Paragraph as Paragraph
from .render.docx import render_docx as render_docx
from .render.pdf import Pdf as Pdf
from .render.pdf import RenderLimits as RenderLimits
from .render.pdf import render_pdf as render_pdf
from .render.sentences import Told as Told

# --- a platform in a program of one's own -------------------------------------------------
from .app import create_app as create_app
from .assembly import open_services as open_services
from .plugins import PluginHost as PluginHost
from .services import Services as Services
from .settings import Settings as Settings
from .settings import load_settings as load_settings

# --- commands that talk to a platform -----------------------------------------------------
from .cli.client import Client as Client
from .cli.client import ClientError as ClientError

# --- errors -------------------------------------------------------------------------------
from .errors import BadRequest as BadRequest
from .errors import BaukastenError as BaukastenError
from .errors import Conflict as Conflict
from .errors import Forbidden as Forbidden
from .errors import InvalidOutput as InvalidOutput
from .errors import ModelNotFound as ModelNotFound
from .errors import NotFound as NotFound
from .errors import ProviderError as ProviderError
from .errors import ProviderNotConfigured as ProviderNotConfigured
from .errors import ProviderRejected as ProviderRejected
from .errors import ProviderTimeout as ProviderTimeout
from .errors import ProviderUnavailable as ProviderUnavailable
from .errors import ResidencyViolation as ResidencyViolation
from .errors import StreamInterrupted as StreamInterrupted
from .errors import TemplateError as TemplateError
from .errors import TooLarge as TooLarge
from .errors import Unauthorized as Unauthorized
from .errors import Unavailable as Unavailable
from .errors import Unprocessable as Unprocessable
from .errors import UnsupportedType as UnsupportedType
