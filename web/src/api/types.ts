/** Short names for the documents of the API. */
import type { components } from "./schema";

type Schemas = components["schemas"];

export type Actor = Schemas["Actor"];
export type AlertDocument = Schemas["AlertDocument"];
export type AuditDocument = Schemas["AuditDocument"];
export type CallType = Schemas["CallType"];
export type Comparison = Schemas["Comparison"];
export type ConnectionDocument = Schemas["ConnectionDocument"];
export type DatabaseDocument = Schemas["DatabaseDocument"];
export type DefinitionDocument = Schemas["DefinitionDocument"];
export type DefinitionKind = Schemas["DefinitionKind"];
export type DeliveryDocument = Schemas["DeliveryDocument"];
export type DeliveryState = Schemas["DeliveryState"];
export type DestinationDocument = Schemas["DestinationDocument"];
export type DestinationType = Schemas["DestinationType"];
export type LastRun = Schemas["LastRun"];
export type LiveEvent = Schemas["LiveEvent"];
export type Me = Schemas["Me"];
export type NextStep = Schemas["NextStep"];
export type Reason = Schemas["Reason"];
export type Role = Schemas["Role"];
export type RunDocument = Schemas["RunDocument"];
export type RunListEntry = Schemas["RunListEntry"];
export type RunState = Schemas["RunState"];
export type SecretDocument = Schemas["SecretDocument"];
export type SessionEntry = Schemas["SessionEntry"];
export type StatusDocument = Schemas["StatusDocument"];
export type SyncDetail = Schemas["SyncDetail"];
export type SyncDocument = Schemas["SyncDocument"];
export type SyncStatus = Schemas["SyncStatus"];
export type TokenEntry = Schemas["TokenEntry"];
export type UsageDocument = Schemas["UsageDocument"];
export type UserEntry = Schemas["UserEntry"];
export type WaitingCalls = Schemas["WaitingCalls"];
