/** A small row of bars: the size of each run, with its state as the colour and as the text. */
import { lookOf } from "./status";
import css from "./chart.module.css";

export interface Bar {
  key: string | number;
  value: number;
  status: string;
}

interface Props {
  bars: readonly Bar[];
  /** What it shows: `Rows of the last 30 runs`. */
  label: string;
  width?: number;
  height?: number;
}

export function Sparkline({ bars, label, width = 120, height = 20 }: Props) {
  const most = Math.max(1, ...bars.map((bar) => bar.value));
  const step = width / Math.max(bars.length, 12);
  const states = new Map<string, number>();
  bars.forEach(({ status }) => states.set(status, (states.get(status) ?? 0) + 1));
  const said = [...states].map(([status, n]) => `${n} ${lookOf(status).word.toLowerCase()}`);
  return (
    <svg
      className={css.spark}
      width={width}
      height={height}
      role="img"
      aria-label={`${label}: ${said.join(", ")}`}
    >
      {bars.map((bar, index) => {
        const size = bar.status === "skipped" ? 3 : Math.max(3, (bar.value / most) * height);
        return (
          <rect
            key={bar.key}
            className={css[lookOf(bar.status).tone]}
            x={index * step}
            y={height - size}
            width={Math.max(2, step - 1.5)}
            height={size}
            rx={1}
            fill={bar.status === "skipped" ? "none" : "currentColor"}
            stroke={bar.status === "skipped" ? "currentColor" : "none"}
          />
        );
      })}
    </svg>
  );
}
