/**
 * Signs in by the link that `outflow demo` has printed. Its code is behind the `#`, counts once, and
 * is taken out of the address.
 */
import { useEffect, useRef } from "react";
import { useFollowLink } from "../../api/queries/sign-in";
import { codeOf, dropFragment } from "./token";

export function useLink(onDone: () => void) {
  const follow = useFollowLink();
  const wasFollowed = useRef(false);
  const { mutate } = follow;
  useEffect(() => {
    const code = codeOf(window.location.hash);
    if (!code || wasFollowed.current) return;
    wasFollowed.current = true;
    dropFragment();
    mutate(code, { onSuccess: onDone });
  }, [mutate, onDone]);
  return follow;
}
