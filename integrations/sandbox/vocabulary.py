"""What the sandbox's people write about: per topic the words that its sentences are made of.

Each topic speaks of one thing only, in several wordings, so that a search by meaning has something to find.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Topic:
    """`failures` and `wishes` follow an actor ("Customers cannot …", "… want to …"); `chores` are imperatives."""

    name: str
    actors: tuple[str, ...]
    failures: tuple[str, ...]
    wishes: tuple[str, ...]
    chores: tuple[str, ...]
    causes: tuple[str, ...]
    effects: tuple[str, ...]
    component: str


# Phrases of a topic say the same things in other words than their neighbours: near in meaning, apart in letters.
TOPICS: dict[str, Topic] = {
    topic.name: topic
    for topic in (
        Topic(
            "payments",
            ("Customers", "Shoppers", "Buyers abroad", "Returning customers"),
            (
                "cannot pay with credit card",
                "get an error when paying with a Visa card",
                "are charged twice for one order",
                "see a declined payment although the bank accepted it",
                "never receive the refund for a cancelled order",
                "cannot finish 3-D Secure verification at checkout",
            ),
            (
                "pay with Apple Pay",
                "save a card for the next purchase",
                "split a payment over several months",
                "pay by bank transfer at checkout",
            ),
            (
                "Rotate the keys of the payment gateway",
                "Move the refund job to the new payment provider",
                "Reconcile captured payments with the ledger every night",
            ),
            (
                "The payment provider answers with a timeout and we do not ask again.",
                "The idempotency key is made anew on each attempt.",
                "The card token expires before the order is confirmed.",
            ),
            ("Revenue is lost with every abandoned basket.", "Support refunds the amount by hand."),
            "checkout-service",
        ),
        Topic(
            "login",
            ("Users", "Employees with single sign-on", "New users", "Administrators"),
            (
                "cannot log in after resetting the password",
                "are signed out every few minutes",
                "do not get the two-factor code by SMS",
                "end in a redirect loop when signing in with SAML",
                "see the wrong account after switching organisations",
            ),
            ("sign in with a passkey", "stay signed in on a trusted device", "see where their account is signed in"),
            (
                "Replace the session cookie with short-lived tokens",
                "Lock an account after ten failed sign-ins",
                "Upgrade the OpenID Connect library",
            ),
            (
                "The clock of the identity provider is two minutes ahead.",
                "The cookie is set for the wrong domain.",
                "The reset link is consumed by the mail scanner.",
            ),
            ("People open a support ticket to get into their account.", "Nobody in that organisation can work."),
            "identity",
        ),
        Topic(
            "search",
            ("Shoppers", "Support agents", "Readers", "Catalogue editors"),
            (
                "find no products when the search term has a typo",
                "get search results in the wrong language",
                "see deleted articles in the search results",
                "wait ten seconds for the search results",
            ),
            ("filter search results by price", "search inside attachments", "get suggestions while typing"),
            (
                "Rebuild the search index",
                "Tune the relevance of exact matches",
                "Add synonyms to the search analyser",
            ),
            (
                "The index is refreshed only once an hour.",
                "The analyser drops accents from the query but not from the index.",
                "Each keystroke starts a query of its own.",
            ),
            ("Visitors leave the page without a click.", "Agents fall back to reading old tickets."),
            "search-index",
        ),
        Topic(
            "deployment",
            ("Developers", "Release managers", "On-call engineers", "Site reliability engineers"),
            (
                "cannot roll back a failed deployment",
                "see the pipeline hang at the container build",
                "get an old image after a successful release",
                "lose connections while pods restart",
            ),
            ("deploy to a canary first", "see which version runs in each region", "approve a release from chat"),
            (
                "Migrate the build agents to Kubernetes",
                "Cache container layers between builds",
                "Scan images for known vulnerabilities before release",
                "Write the Terraform module for the staging cluster",
            ),
            (
                "The readiness probe answers before the migrations are done.",
                "The image tag is reused by two branches.",
                "The rollout waits for a node that was drained.",
            ),
            ("Releases wait until somebody restarts the job.", "The error budget of the month is spent."),
            "delivery-pipeline",
        ),
        Topic(
            "mobile app",
            ("iPhone users", "Android users", "Couriers", "Field technicians"),
            (
                "see the app crash when the camera opens",
                "lose their draft when the phone goes offline",
                "drain the battery while the app is in the background",
                "cannot scroll the list on small screens",
            ),
            ("work offline and sync later", "use dark mode", "scan a barcode with the camera"),
            (
                "Raise the minimum Android version",
                "Submit the new build to the App Store",
                "Measure the cold start of the mobile app",
            ),
            (
                "The location listener is never released.",
                "The local database is opened by two threads.",
                "The view is laid out before the fonts are loaded.",
            ),
            ("The rating in the store falls.", "Drivers fall back to paper forms."),
            "mobile-client",
        ),
        Topic(
            "data pipeline",
            ("Analysts", "Data engineers", "Finance", "Product managers"),
            (
                "see duplicate rows in the warehouse after a retry",
                "miss yesterday's events in the dashboard",
                "get numbers that differ between two reports",
                "wait until noon for the nightly load",
            ),
            ("replay a day of events", "trace a figure back to its source", "get an alert when data is late"),
            (
                "Partition the events table by day",
                "Move the nightly batch to streaming",
                "Add schema checks to the ingestion job",
                "Backfill the orders of last quarter",
            ),
            (
                "The job reads by local date but the events are in UTC.",
                "The consumer commits its offset before the write.",
                "One late partition blocks all later ones.",
            ),
            ("Decisions are made on stale figures.", "The team reruns the load by hand every morning."),
            "ingestion",
        ),
        Topic(
            "notifications",
            ("Subscribers", "Customers", "Team leads", "Moderators"),
            (
                "get the same e-mail five times",
                "receive push notifications at night",
                "do not get the order confirmation e-mail",
                "cannot unsubscribe from the newsletter",
            ),
            ("choose which e-mails they receive", "get a daily digest", "be told when an order is shipped"),
            (
                "Warm up the new mail domain",
                "Send notifications through the message queue",
                "Translate the e-mail templates",
            ),
            (
                "The queue delivers the message again after a worker restart.",
                "The user's time zone is ignored.",
                "The mail provider throttles us.",
            ),
            ("People mark our mail as spam.", "Support answers questions that the mail should have answered."),
            "notifier",
        ),
        Topic(
            "reporting",
            ("Managers", "Controllers", "Account managers", "Auditors"),
            (
                "cannot export the report to Excel",
                "see a chart with the wrong currency",
                "get a time-out for reports over one year",
                "see last month's totals change every day",
            ),
            ("schedule a report by e-mail", "compare two quarters side by side", "drill down from a chart to orders"),
            (
                "Precompute the monthly totals",
                "Replace the chart library",
                "Document how each figure of the dashboard is computed",
            ),
            (
                "The totals are summed from rounded values.",
                "The export holds the whole file in memory.",
                "The exchange rate of today is used for old orders.",
            ),
            ("The figures are copied together by hand.", "The board meeting got a wrong number."),
            "reports",
        ),
        Topic(
            "permissions",
            ("Guests", "Workspace owners", "Contractors", "External auditors"),
            (
                "can read documents of another workspace",
                "keep access after they left the project",
                "cannot share a folder with their team",
                "see buttons that they may not use",
            ),
            ("grant access for a limited time", "see who opened a document", "define roles of their own"),
            (
                "Write an audit log for role changes",
                "Check permissions in the API and not in the page",
                "Remove the shared administrator account",
            ),
            (
                "The permission is cached longer than the session.",
                "The check compares names and not ids.",
                "A group inside a group is not followed.",
            ),
            ("Private data may be seen by strangers.", "The security review cannot be closed."),
            "access-control",
        ),
        Topic(
            "performance",
            ("Large customers", "All users", "API clients", "Visitors from Asia"),
            (
                "wait half a minute for the start page",
                "get HTTP 504 under load",
                "see the database at full CPU every morning",
                "hit the connection limit of the database",
            ),
            ("load the first page in under a second", "upload files of several gigabytes", "page through long lists"),
            (
                "Add an index for the slow orders query",
                "Serve images from the content delivery network",
                "Load test the API with twice the traffic",
                "Find the memory leak of the worker",
            ),
            (
                "One query is sent per row of the list.",
                "The connection pool is smaller than the number of threads.",
                "The cache is emptied by each deployment.",
            ),
            ("The service is slow for everybody.", "Nightly jobs run into the working day."),
            "core-api",
        ),
        Topic(
            "onboarding",
            ("New customers", "Trial users", "Invited colleagues", "Sales engineers"),
            (
                "do not find how to invite their team",
                "get stuck at the import of their contacts",
                "never receive the invitation link",
                "leave the sign-up form at the third step",
            ),
            ("start with sample data", "import contacts from a spreadsheet", "skip the product tour"),
            (
                "Shorten the sign-up form",
                "Run an experiment with a guided tour",
                "Measure where trial users give up",
            ),
            (
                "The form asks for the company size before it shows any value.",
                "The import refuses files with a byte order mark.",
                "The invitation expires after an hour.",
            ),
            ("Half of the trials end on the first day.", "Sales walks every customer through by phone."),
            "signup",
        ),
        Topic(
            "invoicing",
            ("Accountants", "Subscribers", "Resellers", "Customers in Switzerland"),
            (
                "get invoices without the tax number",
                "are billed for seats that they removed",
                "cannot download invoices as PDF",
                "see wrong value added tax on the invoice",
            ),
            ("change the billing address", "receive invoices in their own currency", "cancel a subscription online"),
            (
                "Move the price list out of the code",
                "Generate credit notes for cancelled invoices",
                "Support the new tax rates",
            ),
            (
                "The seat count is read before the change is committed.",
                "The tax rate is looked up by shipping country.",
                "The PDF renderer lacks a font.",
            ),
            ("Invoices are corrected by hand.", "Customers pay late."),
            "billing",
        ),
    )
}

# Added to failures: one phrase becomes a dozen different summaries of the same meaning.
CIRCUMSTANCES = (
    "after the last release",
    "on Android 14",
    "in Safari",
    "when the network is slow",
    "in the EU region",
    "during the weekly sale",
    "with more than 500 items",
    "on the first day of the month",
    "behind a company proxy",
    "with a French account",
    "since the upgrade",
    "in dark mode",
    "when two tabs are open",
    "on staging",
)
# Added to wishes and chores, for the same reason.
OCCASIONS = (
    "for the enterprise plan",
    "before the audit",
    "in the second quarter",
    "behind a feature flag",
    "on staging first",
    "for customers in Japan",
    "without downtime",
    "as agreed with support",
    "after the migration",
    "for the largest accounts",
    "in small steps",
    "with the platform team",
)
STEPS = (
    "Open the page as a fresh user.",
    "Reload until the spinner stays.",
    "Compare the answer with the log of the service.",
    "Switch the language and try again.",
    "Watch the network tab: the second call fails.",
    "Repeat with a second account.",
    "Check the dashboard of the service for errors.",
)
CRITERIA = (
    "The error is shown in words that a customer understands.",
    "A test covers the case.",
    "The old behaviour stays behind a feature flag.",
    "The change is in the release notes.",
    "The metric is visible on the team's dashboard.",
    "It works with keyboard only.",
)
# What breaks careless code: emoji joined by ZWJ, right to left, CJK, invisible characters, backslashes.
ODD_TEXT = (
    "🔥 urgent",
    "שגיאה בתשלום",
    "خطأ في تسجيل الدخول",
    "決済エラー",
    "zero\u200bwidth",
    "👩‍💻 pairing",
    "naïve façade, “quoted”",
    "C:\\temp\\new",
)
