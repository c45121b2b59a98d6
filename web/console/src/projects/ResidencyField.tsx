import { Help, SelectField, useInstallation } from "@baukasten/kit";
import { useTranslations } from "use-intl";

/** What the field's value stands for, as the API takes it: null is what the tenant allows. */
export function residencyOf(value: string): string[] | null {
  return value ? value.split(",") : null;
}

/** Where a project's data may be processed: a choice of what this installation can do at all. */
export function ResidencyField({ value }: { value?: string[] | null }) {
  const t = useTranslations("projects");
  const { data: installation } = useInstallation();
  const outside = (installation?.regions ?? []).filter((region) => region !== "local");
  const choices = [["local"], ...outside.map((region) => ["local", region])];
  if (outside.length > 1) choices.push(["local", ...outside]);
  const current = value?.join(",") ?? "";
  if (current && !choices.some((choice) => choice.join(",") === current)) choices.push(value ?? []);
  const named = (choice: string[]) => {
    const away = choice.filter((region) => region !== "local");
    return away.length
      ? t("withRegions", { regions: away.join(", ").toUpperCase() })
      : t("onlyLocal");
  };
  return (
    <div className="flex items-end gap-1">
      <div className="grow">
        <SelectField label={t("where")} name="residency" defaultValue={current}>
          <option value="">{t("inherit")}</option>
          {choices.map((choice) => (
            <option key={choice.join(",")} value={choice.join(",")}>
              {named(choice)}
            </option>
          ))}
        </SelectField>
      </div>
      <Help>{t("whereHelp")}</Help>
    </div>
  );
}
