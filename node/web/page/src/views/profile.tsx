import { world } from "../node/world";
import { CopyField } from "../parts/copy";
import { Dialog } from "../parts/dialog";
import { Icon } from "../parts/icon";
import { NameForm } from "../parts/nameform";
import { path } from "../route";
import { useStore } from "../store";
import { t } from "../words";

export function Profile({ onClose }: { onClose: () => void }) {
  const status = useStore(world, (w) => w.status);
  if (!status) return null;
  return (
    <Dialog title={t.profile.title} test="profile-dialog" onClose={onClose}>
      <NameForm onSaved={onClose} />
      <div class="stack tight">
        <h3>{t.profile.id}</h3>
        <CopyField label={t.profile.id} text={status.person} action={t.profile.copy} test="person-id" />
        <p class="hint">{t.profile.idText}</p>
      </div>
      <div class="row">
        <a class="button" href={path({ view: "settings" })} data-test="open-settings" onClick={onClose}>
          <Icon name="settings" />
          <span>{t.profile.all}</span>
        </a>
      </div>
    </Dialog>
  );
}
