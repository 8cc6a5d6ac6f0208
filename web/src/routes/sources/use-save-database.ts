/**
 * Saving a database: a typed password becomes a secret of the server first, then the source is made
 * or changed. Saving the same again does nothing.
 */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { useCallback, useRef, useState } from "react";
import { api, ask, ifVersion } from "../../api/client";
import { keepSecret, removeSecret } from "../../api/queries/keep-secret";
import { keys } from "../../api/keys";
import { useMay } from "../../api/queries/me";
import { secretsQuery } from "../../api/queries/secrets";
import type { Value } from "../../api/queries/definitions";
import type { DefinitionDocument } from "../../api/types";
import {
  databaseOf,
  secretName,
  secretOf,
  type DatabaseForm,
  type SourceType,
} from "./database-form";

export interface Place {
  type: SourceType;
  source: string;
  database: string;
  /** The source as it is; null: it is made. */
  present: DefinitionDocument | null;
}

export interface Saved {
  document: DefinitionDocument;
  place: Place;
  /** The secret that a typed password has become. */
  secret: string | null;
  /** Whether the secret was made by this, and not for something else before. */
  isNewSecret: boolean;
}

interface Kept {
  saved: Saved;
  /** What was saved, to see that it is the same. */
  mark: string;
}

function databasesOf(value: unknown): Value {
  return ((value as Value | null)?.databases ?? {}) as Value;
}

/** The source with this database in it. */
export function sourceWith(place: Place, database: Value): Value {
  const value = (place.present?.value ?? { type: place.type }) as Value;
  return { ...value, databases: { ...databasesOf(value), [place.database]: database } };
}

/** What a form would make of the source, with the name of the secret that its password would get. */
export function planOf(place: Place, form: DatabaseForm, secret: string) {
  const isTyped = place.type !== "sqlite" && form.login === "password";
  const reference = isTyped ? `\${secret:${secret}}` : form.reference;
  const before = databasesOf(place.present?.value)[place.database];
  return { isTyped, value: sourceWith(place, databaseOf(place.type, form, reference, before)) };
}

export function useSaveDatabase() {
  const client = useQueryClient();
  const mayList = useMay("secrets.list");
  const secrets = useQuery({ ...secretsQuery, enabled: mayList }).data;
  const [error, setError] = useState<unknown>(null);
  const [isPending, setPending] = useState(false);
  const [saved, setSaved] = useState<Saved | null>(null);
  const kept = useRef<Kept | null>(null);

  /** The secret of this database if it is its own, otherwise a new name. */
  const secretFor = useCallback(
    (place: Place): string => {
      if (kept.current?.saved.secret) return kept.current.saved.secret;
      const before = databasesOf(place.present?.value)[place.database] as Value | undefined;
      const present = secretOf(typeof before?.password === "string" ? before.password : null);
      const mine = secrets?.find(({ name }) => name === present);
      if (present && (mine?.used_by.length ?? 0) <= 1) return present;
      const taken = (secrets ?? []).filter(({ used_by: by }) => by.length > 0);
      return secretName(
        place.source,
        place.database,
        taken.map(({ name }) => name),
      );
    },
    [secrets],
  );

  const save = useCallback(
    async (place: Place, form: DatabaseForm): Promise<Saved | null> => {
      const last = kept.current;
      const secret = secretFor(place);
      const { isTyped, value } = planOf(place, form, secret);
      const old = last?.saved.place.database;
      if (place.present && old !== undefined && old !== place.database) {
        // It was saved under another name, in order to be tested.
        delete databasesOf(value)[old];
      }
      const mark = JSON.stringify([place.source, value, isTyped && form.password]);
      if (last?.mark === mark) return last.saved;
      setPending(true);
      setError(null);
      try {
        const isOther = last && !place.present && last.saved.place.source !== place.source;
        if (isOther) await remove(last.saved);
        let isNewSecret = last?.saved.isNewSecret ?? false;
        if (isTyped) {
          const uses = [{ kind: "source" as const, name: place.source, value }];
          const { existed } = await keepSecret(secret, form.password, uses);
          isNewSecret ||= !existed;
        }
        const version = isOther
          ? undefined
          : (last?.saved.document.version ?? place.present?.version);
        const document = await write(place.source, value, version);
        const made: Saved = { document, place, secret: isTyped ? secret : null, isNewSecret };
        kept.current = { saved: made, mark };
        setSaved(made);
        return made;
      } catch (thrown) {
        setError(thrown);
        return null;
      } finally {
        setPending(false);
        void Promise.all(
          [keys.definitions, keys.sources, keys.secrets, keys.status].map((queryKey) =>
            client.invalidateQueries({ queryKey }),
          ),
        );
      }
    },
    [client, secretFor],
  );

  /** Takes back a source that was saved in order to be tested. */
  const takeBack = useCallback(async () => {
    if (!kept.current) return;
    setPending(true);
    setError(null);
    try {
      const { secret, isNewSecret } = kept.current.saved;
      await remove(kept.current.saved);
      if (secret && isNewSecret) await removeSecret(secret);
      kept.current = null;
      setSaved(null);
    } catch (thrown) {
      setError(thrown);
    } finally {
      setPending(false);
      void client.invalidateQueries({ queryKey: keys.sources });
      void client.invalidateQueries({ queryKey: keys.definitions });
    }
  }, [client]);

  return { save, takeBack, secretFor, saved, error, isPending };
}

function write(source: string, value: Value, version: number | undefined) {
  if (version === undefined) {
    return ask(api.POST("/api/v1/sources", { body: { name: source, value } }));
  }
  const params = { path: { source }, header: ifVersion(version) };
  return ask(api.PUT("/api/v1/sources/{source}", { params, body: value }));
}

async function remove({ document, place }: Saved): Promise<void> {
  const { source, present, database } = place;
  const header = ifVersion(document.version);
  if (!present) {
    await ask(api.DELETE("/api/v1/sources/{source}", { params: { path: { source }, header } }));
    return;
  }
  const body = { databases: { [database]: null } };
  await ask(api.PATCH("/api/v1/sources/{source}", { params: { path: { source }, header }, body }));
}
