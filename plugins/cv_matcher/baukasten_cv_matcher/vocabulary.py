"""Words of job advertisements in German, English and Spanish.

Headings are compared in lower case, without marks; a heading counts when it begins with one of
these or is one of them.
"""

from __future__ import annotations

import re
from typing import Literal

Section = Literal["must", "nice", "other"]

MUST_HEADINGS = (
    *("requirements", "required", "must have", "must-have", "minimum qualifications", "skills"),
    *("basic qualifications", "qualifications", "your profile", "profile", "what you bring"),
    *("what we are looking for", "what we're looking for", "who you are", "about you"),
    *("you have", "you bring", "your skills", "your qualifications", "your experience"),
    *("what you need", "what you'll need", "essential", "we expect", "candidate profile"),
    *("anforderungen", "ihr profil", "dein profil", "profil", "qualifikation", "voraussetzung"),
    *("das bringst du mit", "das bringen sie mit", "was du mitbringst", "was sie mitbringen"),
    *("was du mitbringen", "was sie mitbringen", "sie bringen mit", "du bringst mit"),
    *("ihre qualifikation", "deine qualifikation", "ihre kompetenzen", "das erwarten wir"),
    *("wir erwarten", "das zeichnet sie aus", "das zeichnet dich aus", "was wir erwarten"),
    *("ihre stärken", "deine skills", "sie haben", "du hast", "sie verfügen", "muss"),
    *("das wünschen wir uns", "wir suchen", "fachliche anforderungen", "ihr know-how"),
    *("requisitos", "perfil", "tu perfil", "su perfil", "qué buscamos", "que buscamos"),
    *("buscamos", "se requiere", "imprescindible", "requerimientos", "qué necesitas"),
    *("conocimientos", "competencias", "lo que buscamos", "qué esperamos", "formación"),
    *("experiencia requerida", "necesitamos", "requisitos mínimos"),
)
NICE_HEADINGS = (
    *("nice to have", "nice-to-have", "preferred", "bonus", "a plus", "desirable", "pluses"),
    *("it would be great", "ideally", "optional", "good to have", "extra credit"),
    *("von vorteil", "wünschenswert", "idealerweise", "pluspunkte", "das wäre toll", "optional"),
    *("das wäre schön", "gerne auch", "kann", "nice to have", "bonuspunkte", "vorteilhaft"),
    *("deseable", "se valora", "se valorará", "valorable", "valoramos", "preferible"),
    *("requisitos deseables", "requisitos deseados", "es un plus", "opcional", "sería ideal"),
)
OTHER_HEADINGS = (
    *("responsibilities", "your responsibilities", "tasks", "your tasks", "what you'll do"),
    *("what you will do", "the role", "your role", "duties", "job description", "your mission"),
    *("benefits", "we offer", "what we offer", "perks", "our offer", "about us", "who we are"),
    *("why us", "why join", "the company", "about the company", "how to apply", "contact"),
    *("your application", "application", "salary", "location", "equal opportunity", "your team"),
    *("aufgaben", "ihre aufgaben", "deine aufgaben", "das erwartet", "was dich erwartet"),
    *("was sie erwartet", "tätigkeiten", "ihre tätigkeit", "stellenbeschreibung", "ihre rolle"),
    *("wir bieten", "unser angebot", "das bieten wir", "was wir bieten", "benefits", "vorteile"),
    *("ihre vorteile", "deine vorteile", "über uns", "wer wir sind", "das sind wir", "kontakt"),
    *("bewerbung", "ihre bewerbung", "so bewerben", "gehalt", "arbeitsort", "ansprechpartner"),
    *("darauf können sie sich freuen", "darauf kannst du dich freuen", "warum wir", "freu dich"),
    *("funciones", "tus funciones", "responsabilidades", "tareas", "qué harás", "misión"),
    *("ofrecemos", "qué ofrecemos", "que ofrecemos", "beneficios", "condiciones", "te ofrecemos"),
    *("sobre nosotros", "quiénes somos", "la empresa", "contacto", "cómo postular", "salario"),
    *("ubicación", "tu equipo", "descripción del puesto", "el puesto"),
)

NICE_CUE = re.compile(
    r"nice[ -]to[ -]have|\b(?:is|are|would be)? ?an? (?:big |strong |definite )?(?:plus|bonus|"
    r"advantage|asset)\b|\bpreferred\b|\bpreferabl[ey]\b|\bideally\b|\bdesirable\b|\boptional\b|"
    r"\bvon vorteil\b|\bwünschenswert|\bidealerweise\b|\bim idealfall\b|\bvorteilhaft\b|"
    r"\bein plus\b|\bpluspunkt|\bgerne? (?:auch|gesehen)\b|\bbestenfalls\b|\bkein muss\b|"
    r"\bdeseable|\bse valora|\bvalorable|\bes un plus\b|\bpreferible|\bidealmente\b|\bopcional|"
    r"\bse aprecia",
    re.IGNORECASE,
)
MUST_CUE = re.compile(
    r"\bmust\b|\brequired?\b|\bmandatory\b|\bessential\b|\byou have\b|\byou bring\b|"
    r"\bexperience (?:with|in|of|as)\b|\bknowledge of\b|\bdegree in\b|\bfluent\b|"
    r"\bproficien\w+ (?:in|with)\b|\bability to\b|\bfamiliar\w* with\b|\bat least\b|"
    r"\berforderlich|\bvoraus(?:gesetzt|setzung)|\bzwingend|\bunbedingt\b|\bkenntnisse\b|"
    r"\w+kenntnisse\b|erfahrung (?:mit|in|im|als)\b|\b(?:sie|du) (?:verfüg|bring|hab|hast)\w*|"
    r"\babgeschlossene\w* (?:studium|ausbildung|berufsausbildung)|\bmindestens\b|"
    r"\bimprescindible|\bobligatori|\brequerid|\bse requiere|\bexperiencia (?:en|con|de|como)\b|"
    r"\bconocimientos? (?:de|en)\b|\btitulación|\bdominio de\b|\bnivel (?:alto|medio|avanzado)\b|"
    r"\bmínimo\b|\bal menos\b",
    re.IGNORECASE,
)

GENERIC = {
    "en": "ability able advanced all amongst annual applicant areas aspects background basic bring "
    "candidate complete completed comparable confident considerable deep demonstrable demonstrated "
    "desirable e.g. equivalent essential etc excellent experience experienced expert expertise "
    "familiar familiarity field fluent first-class fundamental good great hands-on have ideally "
    "including knowledge least level like mandatory minimum more must necessary nice optional "
    "outstanding plus practical preferably preferred professional proficiency proficient profound "
    "proven readiness related relevant required requirement several sense similar skill skilled "
    "skills solid sound strong successful successfully thorough track record understanding use "
    "using various verifiable very well willingness work working year years yr",
    "de": "abgeschlossen abgeschlossene abgeschlossenes ausgeprägt ausgeprägte ausgezeichnete "
    "berufserfahrung bereich bereitschaft beispielsweise bringen bringst einschlägig einschlägige "
    "erfahren erfahrung erfahrungen erforderlich erste erworben fähigkeit fundiert fundierte "
    "fähigkeiten gern gerne grundkenntnisse grundlegend gut gute guter gutes haben hervorragende "
    "hohe hohes idealerweise jahr jahre jahren jährig kenntnis kenntnisse mehrere mehrjährig "
    "mehrjährige mindestens mit mitbringen nachweisbar nachweislich nötig plus praktisch "
    "praktische "
    "sehr sicher sichere sicherer solide sowie tief tiefe umfassende umgang verfügen verfügst "
    "vergleichbar vergleichbare vergleichbares versiert verständnis vertiefte vertraut vorteil "
    "vorausgesetzt voraussetzung weitere wünschenswert z.b. zwingend",
    "es": "acreditada acreditado actitud alto amplia amplio año años aptitud avanzado bien buen "
    "buena buenas buenos capacidad capaz conocimiento conocimientos contar demostrable demostrada "
    "deseable disponer dominio etc excelente excelentes experiencia gran habilidad habilidades "
    "ideal imprescindible manejo medio mínima mínimo nivel obligatorio plus preferible previa "
    "profundo requerido requisito requisitos sólida sólido sólidos similar similares tener "
    "trabajo uso valorable valorará varios vario",
}
"""Words that most requirements share and that say nothing about what is asked for."""

GENERIC_ENDINGS = ("kenntnisse", "kenntnissen", "kenntnis", "erfahrung", "erfahrungen")
"""German compounds: `Englischkenntnisse` asks for `Englisch`."""

SAME = (
    "german deutsch deutschkenntnisse alemán alemana",
    "english englisch englischkenntnisse inglés inglesa",
    "spanish spanisch spanischkenntnisse español española castellano",
    "french französisch französischkenntnisse francés francesa",
    "italian italienisch italiano italiana",
    "native muttersprache muttersprachlich nativo nativa materna",
    "degree bachelor master bsc msc diploma studium hochschulabschluss diplom hochschulstudium "
    "titulación licenciatura grado máster titulado graduado",
    "university universität hochschule fachhochschule universidad",
    "apprenticeship ausbildung berufsausbildung fp",
    "doctorate phd promotion doktorat doctorado",
    "informatik informatics informática computing",
    "engineering ingenieurwesen ingenieurwissenschaften ingeniería",
    "mathematics mathematik matemáticas",
    "database databases datenbank datenbanken",
    "development developer entwicklung entwickler entwicklerin desarrollo desarrollador "
    "desarrolladora developed entwickelt developing",
    "engineer ingenieur ingenieurin ingeniero ingeniera",
    "teamwork teamfähigkeit teamfähig teamarbeit teamplayer",
    "communication kommunikation kommunikationsstärke kommunikationsfähigkeit kommunikativ "
    "comunicación communicative",
    "leadership führung führungserfahrung personalführung personalverantwortung liderazgo",
    "accounting buchhaltung buchführung contabilidad",
    "sales vertrieb verkauf ventas",
    "nursing pflege krankenpflege enfermería",
    "teaching unterricht lehrtätigkeit docencia enseñanza",
    "driving führerschein fahrerlaubnis conducir",
    "security sicherheit seguridad",
    "networks netzwerke netzwerk redes",
    "cloud wolke nube",
    "testing tests testen pruebas",
    "quality qualität calidad qualitätssicherung",
    "project projekt proyecto projekte proyectos projects",
    "management leitung gestión",
    "customers kunden clientes customer kunde cliente",
    "js javascript",
    "ts typescript",
    "k8s kubernetes",
    "postgres postgresql",
    "golang go",
    "ml ki ai ia",
)
"""Words that mean the same in job advertisements and CVs, over the three languages. Short on
purpose: a wrong equation is worse than a missing one."""

OR = frozenset({"or", "oder", "bzw", "beziehungsweise", "o", "u"})
"""Words between alternatives."""


_FILLERS = """
a about an and are at be bei bringst company de del den dein deine des d de der die diese dich e
el en erfahrung erwartet experience expertise f for from für gender idealerweise ihr ihre im in
is it join kompetenzen knowledge la las los m mit of o on our para position profil profile
puesto qualifications qualifikationen requirements requisitos role rolle sie skills stelle team
that the this to tu su sus tus u und uns us w we with would x y you your zu zur überblick great
helps needed wichtig important fähigkeiten
"""
FILLERS = frozenset(_FILLERS.split())
"""Words that may follow in a heading: `Your profile for this role (m/f/d)`."""


def section_of(heading: str) -> Section | None:
    """Which section a line opens, None if it is no heading that is known."""
    words = " ".join(re.findall(r"[^\W_]+(?:['’-][^\W_]+)*", heading.lower().replace("’", "'")))
    open_ended = heading.rstrip(" *_").endswith(":")
    for section, headings in _SECTIONS:
        for known in headings:
            if words == known:
                return section
            more = words[len(known) + 1 :].split() if words.startswith(known + " ") else None
            if more and (open_ended or FILLERS.issuperset(more)):
                return section
    return None


_SECTIONS: tuple[tuple[Section, tuple[str, ...]], ...] = (
    ("nice", NICE_HEADINGS),
    ("other", OTHER_HEADINGS),
    ("must", MUST_HEADINGS),
)
