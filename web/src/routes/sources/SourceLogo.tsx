/** A drawing for each type of source: our own, made of its kind and not of its brand. */
import css from "./catalogue.module.css";

export function SourceLogo({ type }: { type: string }) {
  return (
    <svg className={css.logo} viewBox="0 0 40 40" aria-hidden>
      <rect width="40" height="40" rx="9" className={css.ground} />
      {type === "redshift" ? (
        <g className={css.line}>
          <rect x="9" y="14" width="5" height="14" rx="1.5" />
          <rect x="17.5" y="9" width="5" height="22" rx="1.5" />
          <rect x="26" y="14" width="5" height="14" rx="1.5" />
        </g>
      ) : type === "sqlite" ? (
        <g className={css.line}>
          <path d="M12 9h11l6 6v16H12z" />
          <path d="M23 9v6h6M16 21h9M16 26h9" />
        </g>
      ) : (
        <g className={css.line}>
          <ellipse cx="20" cy="12.5" rx="9" ry="3.5" />
          <path d="M11 12.5v15c0 2 4 3.5 9 3.5s9-1.5 9-3.5v-15M11 20c0 2 4 3.5 9 3.5s9-1.5 9-3.5" />
        </g>
      )}
    </svg>
  );
}
