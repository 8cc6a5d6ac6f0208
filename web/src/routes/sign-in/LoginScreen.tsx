/** Signing in: with a password, or with the provider that the installation has. */
import { useQuery } from "@tanstack/react-query";
import { createLazyRoute, Link, useRouter } from "@tanstack/react-router";
import { useCallback } from "react";
import { signInWaysQuery } from "../../api/queries/sign-in";
import { AnchorButton } from "../../ui/Button";
import { Loaded } from "../../ui/Loaded";
import { Notice } from "../../ui/Notice";
import { Frame } from "./Frame";
import { SignInForm } from "./SignInForm";
import { useLink } from "./use-link";
import css from "./sign-in.module.css";

export const Route = createLazyRoute("/login")({ component: LoginScreen });

function LoginScreen() {
  const { to, error } = Route.useSearch();
  const router = useRouter();
  const ways = useQuery(signInWaysQuery);
  const done = useCallback(() => router.history.replace(to ?? "/"), [router, to]);
  const link = useLink(done);
  return (
    <Frame title="Sign in" text="Outflow on this server.">
      {error && (
        <Notice tone="bad" title="The provider did not sign you in" live>
          {error}
        </Notice>
      )}
      {link.isPending && <p className="muted">Signing you in by the link …</p>}
      {link.error && (
        <Notice tone="bad" title="The link did not sign you in" live>
          {link.error.message}
        </Notice>
      )}
      <Loaded query={ways}>
        {({ password, provider }) => (
          <>
            {provider && (
              <AnchorButton look="secondary" className={css.submit} href="/api/v1/session/oidc">
                Sign in with {hostOf(provider)}
              </AnchorButton>
            )}
            {provider && password && <p className={css.or}>or</p>}
            {password && <SignInForm onDone={done} />}
          </>
        )}
      </Loaded>
      <p className={css.foot}>
        First time here? <Link to="/setup">Set up the first administrator</Link>.
      </p>
    </Frame>
  );
}

function hostOf(issuer: string): string {
  try {
    return new URL(issuer).host;
  } catch {
    return issuer;
  }
}
