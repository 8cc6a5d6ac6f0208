/** Saving a destination: first the secrets that were typed, then the definition that refers to them. */
import { keepSecret } from "../../api/queries/secret-changes";
import { isReference, secretName, type SchemaField, type Settings } from "../../lib/schema-form";

/** What is typed in fields of secrets becomes a reference; the secrets are kept by name. */
export function withReferences(
  destination: string,
  fields: readonly SchemaField[],
  settings: Settings,
): { value: Settings; secrets: { name: string; secret: string }[] } {
  const value = { ...settings };
  const secrets: { name: string; secret: string }[] = [];
  for (const field of fields) {
    const text = value[field.key];
    if (field.kind !== "secret" || typeof text !== "string" || isReference(text)) continue;
    const name = secretName(destination, field.key);
    secrets.push({ name, secret: text });
    value[field.key] = `\${secret:${name}}`;
  }
  return { value, secrets };
}

/** Keeps the secrets for the addresses of the definition that is about to be saved. */
export async function keepSecrets(
  destination: string,
  { value, secrets }: ReturnType<typeof withReferences>,
): Promise<void> {
  for (const { name, secret } of secrets) {
    await keepSecret(name, {
      value: secret,
      uses: [{ kind: "destination", name: destination, value }],
    });
  }
}
