import type { MailFrame } from "./words.ts"

const IGNORE = "Wenn Sie das nicht waren, brauchen Sie nichts zu tun: Ohne den Link geschieht nichts."
const WORRY =
  "Wenn Sie das nicht waren, kennt jemand Ihr Passwort oder liest Ihre Mails: Setzen Sie das Passwort gleich zurück."

export const GERMAN: MailFrame = {
  asked: "Angefordert von {client} aus dem Netz {network} um {at} UTC.",
  unknownClient: "einem unbekannten Browser",
  minutes: "{n} Minuten",
  hours: "{n} Stunden",
  days: "{n} Tage",
  mails: {
    register: {
      subject: "Ihr Konto bei {site} fertig anlegen",
      lines: [
        "Jemand, vermutlich Sie, möchte mit dieser Adresse ein Konto bei {site} anlegen.",
        "Der Link gilt {time} und einmal.",
      ],
      action: "Passwort wählen",
      end: IGNORE,
    },
    "already-registered": {
      subject: "Sie haben schon ein Konto bei {site}",
      lines: [
        "Jemand, vermutlich Sie, wollte diese Adresse für ein weiteres Konto bei {site} verwenden.",
        "Es gibt schon eines: Melden Sie sich an, oder setzen Sie das Passwort zurück, wenn Sie es vergessen haben.",
      ],
      end: "Wenn Sie das nicht waren, brauchen Sie nichts zu tun.",
    },
    invite: {
      subject: "Sie sind zu {site} eingeladen",
      lines: ["Bei {site} wartet ein Konto auf Sie.", "Der Link gilt {time} und einmal."],
      action: "Passwort wählen",
      end: "Wenn Sie das nicht erwarten, brauchen Sie nichts zu tun.",
    },
    reset: {
      subject: "Ihr Passwort bei {site} zurücksetzen",
      lines: [
        "Jemand, vermutlich Sie, möchte das Passwort Ihres Kontos bei {site} zurücksetzen.",
        "Der Link gilt {time} und einmal.",
      ],
      action: "Neues Passwort wählen",
      end: IGNORE,
    },
    "email-link": {
      subject: "{code} ist Ihr Code für {site}",
      lines: [
        "Geben Sie diesen Code dort ein, wo Sie ihn angefordert haben: {code}",
        "Oder öffnen Sie den Link im selben Browser. Beides gilt {time}, einmal und nirgends sonst.",
      ],
      action: "Anmelden",
      end: "Wenn Sie das nicht waren, geben Sie den Code niemandem: Öffnen Sie den Link, und sagen Sie, dass Sie ihn nicht angefordert haben.",
    },
    "email-change-old": {
      subject: "{code} erlaubt eine neue Adresse bei {site}",
      lines: [
        "Ihr Konto bei {site} soll eine andere Mailadresse bekommen.",
        "Wenn Sie das wollen, geben Sie diesen Code auf der Kontoseite ein: {code}",
        "Er gilt {time}.",
      ],
      end: "Wenn Sie das nicht waren, benutzt jemand Ihr Konto: Beenden Sie alle anderen Sitzungen, und ändern Sie gleich Ihr Passwort.",
    },
    "email-change-new": {
      subject: "{code} bestätigt Ihre neue Adresse bei {site}",
      lines: [
        "Diese Adresse soll zu einem Konto bei {site} gehören.",
        "Wenn Sie das wollen, geben Sie diesen Code auf der Kontoseite ein: {code}",
        "Er gilt {time}.",
      ],
      end: "Wenn Sie das nicht waren, brauchen Sie nichts zu tun: Ohne den Code geschieht nichts.",
    },
    "email-changed": {
      subject: "Die Adresse Ihres Kontos bei {site} wurde geändert",
      lines: [
        "Die Mailadresse Ihres Kontos bei {site} wurde geändert, und alle anderen Sitzungen wurden abgemeldet.",
      ],
      end: "Wenn Sie das nicht waren, schreiben Sie sofort den Betreibern von {site}.",
    },
    "password-changed": {
      subject: "Ihr Passwort bei {site} wurde geändert",
      lines: [
        "Das Passwort Ihres Kontos bei {site} wurde geändert, und alle anderen Sitzungen wurden abgemeldet.",
      ],
      end: WORRY,
    },
    "password-reset": {
      subject: "Ihr Passwort bei {site} wurde zurückgesetzt",
      lines: [
        "Das Passwort Ihres Kontos bei {site} wurde mit einem Link aus Ihrer Mail zurückgesetzt, und alle Sitzungen wurden abgemeldet.",
      ],
      end: WORRY,
    },
    "signed-out-for-safety": {
      subject: "Sie wurden bei {site} zur Sicherheit abgemeldet",
      lines: [
        "Eine Ihrer Sitzungen bei {site} wurde beendet, weil sie so benutzt wurde, wie es ein kopiertes Cookie täte.",
        "Oft ist es nur ein Browser, der aus einer Sicherung kommt. Sie müssen sich nur neu anmelden.",
      ],
      end: "Wenn es wieder geschieht, ändern Sie Ihr Passwort.",
    },
    "identity-linked": {
      subject: "{about} kann jetzt Ihr Konto bei {site} anmelden",
      lines: ["Ihr Konto bei {site} kann jetzt auch mit {about} angemeldet werden."],
      end: "Wenn Sie das nicht waren, entfernen Sie es auf der Kontoseite, und beenden Sie alle anderen Sitzungen.",
    },
    "identity-unlinked": {
      subject: "{about} wurde von Ihrem Konto bei {site} entfernt",
      lines: ["Ihr Konto bei {site} kann nicht mehr mit {about} angemeldet werden."],
      end: "Wenn Sie das nicht waren, beenden Sie alle anderen Sitzungen, und ändern Sie Ihr Passwort.",
    },
    "deletion-asked": {
      subject: "Ihr Konto bei {site} wird gelöscht",
      lines: [
        "Jemand, vermutlich Sie, möchte Ihr Konto bei {site} löschen.",
        "Bis dahin können Sie sich anmelden und es behalten.",
      ],
      end: "Wenn Sie das nicht waren, melden Sie sich an, behalten Sie das Konto, und ändern Sie Ihr Passwort.",
    },
  },
}
