"""Menu entries of the shell itself; importing this module registers them."""

from portal.access import Permission
from portal.shell import nav

nav.register("Work", "Home", "home", "inbox", "g h", Permission.PORTAL_HOME_READ)
nav.register("Assurance", "Audit log", "audit-log", "scroll-text", "g a", Permission.PORTAL_LEDGER_READ)
nav.register("Administration", "People", "people", "users", "g u", Permission.PORTAL_USER_MANAGE)
nav.register("Administration", "Webhooks", "webhooks", "bell", "g w", Permission.PORTAL_NOTICE_MANAGE)
nav.register("Administration", "Style guide", "styleguide", "layers", "", Permission.PORTAL_STYLEGUIDE_READ)
