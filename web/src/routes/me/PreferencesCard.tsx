/** How the page behaves in this browser. */
import { setPreferences, usePreferences } from "../../lib/preferences";
import { localZone } from "../../lib/time";
import { RadioCards, Switch } from "../../ui/Field";
import { SectionCard } from "../../ui/Page";

export function PreferencesCard() {
  const { theme, zone, shortcuts } = usePreferences();
  return (
    <SectionCard title="This browser" text="Takes effect at once, in this browser alone." padded>
      <div className="stack">
        <RadioCards
          label="Theme"
          name="theme"
          value={theme}
          onChange={(chosen) => setPreferences({ theme: chosen })}
          cards={[
            { value: "system", title: "Like the system" },
            { value: "light", title: "Light" },
            { value: "dark", title: "Dark" },
          ]}
        />
        <RadioCards
          label="Times"
          name="zone"
          value={zone}
          onChange={(chosen) => setPreferences({ zone: chosen })}
          cards={[
            { value: "local", title: "Your zone", text: localZone() },
            { value: "utc", title: "UTC", text: "As in the log and in the API" },
          ]}
        />
        <Switch
          label="Single keys are shortcuts"
          name="shortcuts"
          checked={shortcuts}
          onChange={(checked) => setPreferences({ shortcuts: checked })}
          help="j and k go from row to row, g s goes to Sources, ? lists all. Ctrl+K works in any case."
        />
      </div>
    </SectionCard>
  );
}
