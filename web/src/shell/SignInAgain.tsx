/**
 * Signing in over the page after the session has ended. What was typed stays in the page below; the
 * person repeats what they have pressed.
 */
import { useMe } from "../api/queries/me";
import { SignInForm } from "../routes/sign-in/SignInForm";
import { Dialog } from "../ui/Dialog";

export default function SignInAgain() {
  const name = useMe().data?.name ?? "";
  return (
    <Dialog title="Sign in again" isOpen onClose={() => undefined} dismissable={false}>
      <p className="muted">Your session has ended. What you have typed is still here.</p>
      <SignInForm name={name} />
    </Dialog>
  );
}
