import { pages } from "@baukasten/kit/vite";
import { defineConfig } from "vite";

export default defineConfig(pages("/apps/privategpt/", "../baukasten_privategpt/pages"));
