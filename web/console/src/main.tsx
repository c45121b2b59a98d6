import { start } from "@baukasten/kit";
import "./index.css";
import { messages } from "./messages";
import { routes } from "./routes";

start({ routes, messages, own: (path) => path === "/" || path.startsWith("/console") });
