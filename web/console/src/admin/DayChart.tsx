import { Bar, BarChart, ResponsiveContainer, Tooltip, XAxis, YAxis } from "recharts";

const TOOLTIP = { background: "var(--surface)", border: "1px solid var(--line)", borderRadius: 8 };
const TICK = { fill: "var(--muted)", fontSize: 11 };

interface DayChartProps {
  /** A row for each day: `date` as it is written, and the figure under `series`. */
  rows: { date: string }[];
  series: string;
  name: string;
}

/** A figure day by day, for those who would rather look; the same stands in a table beside it. */
export default function DayChart({ rows, series, name }: DayChartProps) {
  return (
    <div aria-hidden className="h-40 overflow-x-clip">
      <ResponsiveContainer>
        <BarChart data={rows} accessibilityLayer={false}>
          <XAxis dataKey="date" tick={TICK} />
          <YAxis width={44} allowDecimals={series === "cost"} tick={TICK} />
          <Tooltip contentStyle={TOOLTIP} cursor={{ fill: "var(--sunken)" }} />
          <Bar dataKey={series} name={name} fill="var(--accent)" isAnimationActive={false} />
        </BarChart>
      </ResponsiveContainer>
    </div>
  );
}
