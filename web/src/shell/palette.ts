/** What the command palette offers, and which of it fits what was typed. Pure. */

export interface Command {
  id: string;
  /** Where it stands: `Go to`, `Syncs`, `Actions`. */
  group: string;
  name: string;
  hint?: string;
  run: () => void;
}

/** Higher is better; 0: it does not fit. */
export function fits(command: Command, typed: string): number {
  const words = typed.toLowerCase().split(/\s+/).filter(Boolean);
  const name = command.name.toLowerCase();
  const all = `${name} ${command.hint ?? ""} ${command.group}`.toLowerCase();
  if (!words.every((word) => all.includes(word))) return 0;
  if (words.length === 0) return 1;
  const whole = words.join(" ");
  if (name === whole) return 5;
  if (name.startsWith(whole)) return 4;
  if (name.split(/[\s_-]/).some((part) => part.startsWith(words[0]!))) return 3;
  return name.includes(whole) ? 2 : 1;
}

export interface Group {
  name: string;
  commands: Command[];
}

/** The best that fit, by group, in the order of the groups: as many as are seen at once. */
export function found(commands: readonly Command[], typed: string, most = 12): Group[] {
  const scored = commands
    .map((command, order) => ({ command, order, score: fits(command, typed) }))
    .filter(({ score }) => score > 0)
    .sort((a, b) => b.score - a.score || a.order - b.order)
    .slice(0, most);
  const groups = new Map<string, Command[]>();
  for (const { command } of scored) {
    groups.set(command.group, [...(groups.get(command.group) ?? []), command]);
  }
  return [...groups].map(([name, inGroup]) => ({ name, commands: inGroup }));
}
