/** What surrounds every screen, signed in or not. */
import { Outlet } from "@tanstack/react-router";
import { TooltipHost } from "../ui/TooltipHost";

export function Root() {
  return (
    <>
      <Outlet />
      <TooltipHost />
    </>
  );
}
