/** What the server says about the query, each with its place and, where there is one, its fix. */
import { CircleCheck, Info, LoaderCircle, OctagonX, TriangleAlert, Wrench } from "lucide-react";
import { classes } from "../../lib/classes";
import { Button } from "../../ui/Button";
import type { Checks } from "./Editor";
import css from "./finding-list.module.css";
import { fixName, type Finding, type Severity } from "./findings";

const looks = {
  error: { icon: OctagonX, word: "Error", tone: css.bad },
  warning: { icon: TriangleAlert, word: "Warning", tone: css.warn },
  note: { icon: Info, word: "Note", tone: css.note },
} as const satisfies Record<Severity, unknown>;

interface Props {
  checks: Checks;
  isEmpty: boolean;
  isNew: boolean;
  canFix: boolean;
  onShow?: (finding: Finding) => void;
  onFix?: (finding: Finding) => void;
}

export function FindingList({ checks, isEmpty, isNew, canFix, onShow, onFix }: Props) {
  const { findings, areOld } = checks;
  if (isEmpty || isNew) return null;
  return (
    <section className={css.findings} aria-label="Findings">
      <p className={css.findingsHead} role="status">
        {areOld ? (
          <>
            <LoaderCircle size={14} aria-hidden /> Checking the query…
          </>
        ) : findings.length === 0 ? (
          <>
            <CircleCheck size={14} aria-hidden className={css.goodIcon} /> Nothing to say about the
            query
          </>
        ) : (
          summary(findings)
        )}
      </p>
      <ul className={css.findingItems}>
        {findings.map((finding) => (
          <Item
            key={`${finding.code} ${finding.place} ${finding.message}`}
            finding={finding}
            canFix={canFix && !areOld}
            onShow={onShow}
            onFix={onFix}
          />
        ))}
      </ul>
    </section>
  );
}

/** `1 error, 2 warnings`. */
export function summary(findings: readonly Finding[]): string {
  const parts = (["error", "warning", "note"] as const).flatMap((severity) => {
    const number = findings.filter((one) => one.severity === severity).length;
    return number === 0 ? [] : [`${number} ${severity}${number === 1 ? "" : "s"}`];
  });
  return parts.join(", ");
}

interface ItemProps {
  finding: Finding;
  canFix: boolean;
  onShow: ((finding: Finding) => void) | undefined;
  onFix: ((finding: Finding) => void) | undefined;
}

function Item({ finding, canFix, onShow, onFix }: ItemProps) {
  const { code, severity, message, help, place, range, fix } = finding;
  const { icon: Icon, word, tone } = looks[severity];
  return (
    <li className={css.finding}>
      <span className={classes(css.findingMark, tone)}>
        <Icon size={14} aria-hidden />
        {word}
      </span>
      <div className={css.findingBody}>
        <p>
          {capital(message)}. {help && <span className="muted">{capital(help)}.</span>}
        </p>
        <p className={css.findingMeta}>
          <code data-tip={`More about it: outflow explain ${code}`}>{code}</code>
          {place && range && onShow && (
            <button type="button" className={css.place} onClick={() => onShow(finding)}>
              {place}
            </button>
          )}
        </p>
      </div>
      {fix && onFix && canFix && (
        <Button small icon={Wrench} onClick={() => onFix(finding)}>
          {fixName(finding)}
        </Button>
      )}
    </li>
  );
}

/** The API begins with a small letter. A word that may be a name of the query stays as it is. */
function capital(text: string): string {
  const isWord =
    /^(a|an|the|this|it|there|two|no|events|for|name|take|leave|write|select|check|an|say)\b/.test(
      text,
    );
  return isWord ? text[0]!.toUpperCase() + text.slice(1) : text;
}
