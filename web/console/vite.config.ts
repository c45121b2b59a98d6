import { pages } from "@baukasten/kit/vite";
import { defineConfig } from "vite";

export default defineConfig(pages("/console/", "../../baukasten_core/pages"));
