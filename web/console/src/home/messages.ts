export const en = {
  processed: "Where data is processed",
  processedLocal:
    "On this installation alone. Nothing leaves the house unless a project's owner allows it.",
  processedElsewhere: "On this installation, and where a project allows it also in: {regions}.",
  showcases: "What you can do here",
  noPages: "Over the API",
  none: "No showcase is installed.",
  start: "Start",
  signUp: "Create an account",
  signUpClosed: "Accounts are given by an administrator.",
  recent: "Your latest projects",
  all: "All projects",
  reference: "API reference",
  health: "State of the platform",
};
export const de: typeof en = {
  processed: "Wo Daten verarbeitet werden",
  processedLocal:
    "Nur auf dieser Installation. Nichts verlässt das Haus, wenn der Besitzer eines Projekts es nicht erlaubt.",
  processedElsewhere: "Auf dieser Installation, und wo ein Projekt es erlaubt, auch in: {regions}.",
  showcases: "Was Sie hier tun können",
  noPages: "Über die API",
  none: "Keine Anwendung ist installiert.",
  start: "Loslegen",
  signUp: "Konto anlegen",
  signUpClosed: "Konten gibt ein Administrator.",
  recent: "Ihre neuesten Projekte",
  all: "Alle Projekte",
  reference: "API-Referenz",
  health: "Zustand der Plattform",
};
export const es: typeof en = {
  processed: "Dónde se procesan los datos",
  processedLocal:
    "Solo en esta instalación. Nada sale de la casa si el dueño de un proyecto no lo permite.",
  processedElsewhere: "En esta instalación y, donde un proyecto lo permite, también en: {regions}.",
  showcases: "Qué puede hacer aquí",
  noPages: "Mediante la API",
  none: "No hay ninguna aplicación instalada.",
  start: "Empezar",
  signUp: "Crear una cuenta",
  signUpClosed: "Las cuentas las da un administrador.",
  recent: "Sus últimos proyectos",
  all: "Todos los proyectos",
  reference: "Referencia de la API",
  health: "Estado de la plataforma",
};
