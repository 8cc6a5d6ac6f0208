/** Alerts, and who receives them. */
import { queryOptions, useMutation } from "@tanstack/react-query";
import { api, ask } from "../client";
import { keys } from "../keys";

export const alertsQuery = queryOptions({
  queryKey: keys.alerts,
  queryFn: () => ask(api.GET("/api/v1/alerts")),
});

export const receiversQuery = queryOptions({
  queryKey: keys.receivers,
  queryFn: () => ask(api.GET("/api/v1/alerts/receivers")),
});

export function useTestAlerts() {
  return useMutation({ mutationFn: () => ask(api.POST("/api/v1/alerts/test")) });
}
