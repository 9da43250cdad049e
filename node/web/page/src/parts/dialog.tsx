// A dialog over the page: the browser's own, which keeps the focus inside and gives it back.
import type { ComponentChildren } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";
import { t } from "../words";
import { inherit } from "./focus";
import { Icon } from "./icon";
import { place } from "./overlay";

interface Properties {
  title: ComponentChildren;
  test: string;
  onClose: () => void;
  wide?: boolean; // as wide as a picture wants it
  heir?: string; // CSS of what has the focus after, if what had it before is gone
  children: ComponentChildren;
}

export function Dialog({ title, test, onClose, wide, heir, children }: Properties) {
  const dialog = useRef<HTMLDialogElement>(null);
  const id = useId();
  useEffect(() => {
    const element = dialog.current!;
    element.showModal();
    const uncover = place(element);
    return () => {
      uncover();
      element.close();
      // The focus goes back to where it was; if that is gone and nobody is named, reading begins at the top.
      setTimeout(() => inherit([heir ? document.querySelector<HTMLElement>(heir) : null, document.querySelector<HTMLElement>("h1")]));
    };
  }, []);
  return (
    <dialog
      ref={dialog}
      class={wide ? "dialog wide" : "dialog"}
      aria-labelledby={id}
      data-test={test}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      onMouseDown={(event) => {
        // The backdrop, which counts as the dialog, as does its scrollbar.
        const box = dialog.current!.getBoundingClientRect();
        const { target, clientX: x, clientY: y } = event;
        if (target === dialog.current && (x < box.left || x > box.right || y < box.top || y > box.bottom)) onClose();
      }}
    >
      <div class="dialog-inside">
        <div class="dialog-head">
          <h2 id={id}>{title}</h2>
          <button type="button" class="button plain round" aria-label={t.app.close} data-test="close" onClick={onClose}>
            <Icon name="close" />
          </button>
        </div>
        {children}
      </div>
    </dialog>
  );
}
