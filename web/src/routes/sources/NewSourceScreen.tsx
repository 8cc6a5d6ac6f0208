/** Which type of source is added. */
import { createLazyRoute, Link } from "@tanstack/react-router";
import { Page } from "../../ui/Page";
import css from "./catalogue.module.css";
import { SourceLogo } from "./SourceLogo";
import { sourceTypes } from "./source-types";
import { sourceTrail } from "./trail";

export const Route = createLazyRoute("/app/sources/new")({ component: NewSourceScreen });

function NewSourceScreen() {
  return (
    <Page
      title="Add Source"
      area="Sources"
      trail={sourceTrail()}
      description="Choose what Outflow reads from. It only reads: nothing is written to your database."
    >
      <ul className={css.cards} aria-label="Types of sources">
        {sourceTypes.map(({ type, name, text, detail }) => (
          <li key={type} className={css.card}>
            <SourceLogo type={type} />
            <div className={css.text}>
              <h2 className={css.name}>
                <Link to="/sources/new/$type" params={{ type }}>
                  {name}
                </Link>
              </h2>
              <p>{text}</p>
              <p className="muted">{detail}</p>
            </div>
          </li>
        ))}
      </ul>
    </Page>
  );
}
