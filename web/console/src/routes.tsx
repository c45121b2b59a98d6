import { Shell, SignedIn } from "@baukasten/kit";
import { Outlet, type RouteObject } from "react-router";
import { Home } from "./home/Home";

/** Pages for everybody; pages for those who are signed in; each area is loaded when it is first
 * opened. */
export const routes: RouteObject[] = [
  {
    element: (
      <Shell>
        <Outlet />
      </Shell>
    ),
    children: [
      { path: "/", element: <Home /> },
      { path: "/console", element: <Home /> },
      { path: "/console/sign-in", lazy: () => import("./entrance/SignIn") },
      { path: "/console/sign-up", lazy: () => import("./entrance/SignUp") },
      { path: "/console/verify", lazy: () => import("./entrance/Verify") },
      { path: "/console/forgot-password", lazy: () => import("./entrance/ForgotPassword") },
      { path: "/console/reset-password", lazy: () => import("./entrance/ResetPassword") },
      { path: "/console/invitation", lazy: () => import("./entrance/Invitation") },
    ],
  },
  {
    element: (
      <SignedIn>
        <Shell>
          <Outlet />
        </Shell>
      </SignedIn>
    ),
    children: [
      { path: "/console/projects", lazy: () => import("./projects/Projects") },
      { path: "/console/projects/:projectId", lazy: () => import("./projects/Project") },
      { path: "/console/profile", lazy: () => import("./profile/Profile") },
      {
        path: "/console/admin",
        lazy: () => import("./admin/Admin"),
        children: [
          { index: true, lazy: () => import("./admin/Dashboard") },
          { path: "users", lazy: () => import("./admin/Users") },
          { path: "models", lazy: () => import("./admin/Models") },
          { path: "usage", lazy: () => import("./admin/Usage") },
          { path: "audit", lazy: () => import("./admin/Audit") },
        ],
      },
    ],
  },
];
