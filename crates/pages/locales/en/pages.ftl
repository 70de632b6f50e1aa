# What stands on the pages around the figures.

wasl = Wasl
skip = Skip to the content
nav-label = Pages
nav-overview = Overview
nav-links = Links
nav-backups = Backups
nav-incidents = Incidents
nav-agents = Agents
nav-discovery = Discovery
log-in = Log in
log-out = Log out
as-of = As of
api = API
metrics = Metrics
live-on = Live
live-lost = Connection lost: these figures are old

summary = Summary
headline-nothing = Nothing is observed yet
headline-ok = Everything works
headline-unknown =
    { $n ->
        [one] { $n } thing is unknown
       *[other] { $n } things are unknown
    }
headline-degraded =
    { $n ->
        [one] { $n } thing is degraded
       *[other] { $n } things are degraded
    }
headline-down =
    { $n ->
        [one] { $n } thing is down
       *[other] { $n } things are down
    }

notices = To do
told-by = Told by
cpu = Processors
processors =
    { $n ->
        [one] { $n } processor
       *[other] { $n } processors
    }
memory = Memory
swap = Swap
of = of
booted = Started
sessions =
    { $n ->
        [0] nobody logged in
        [one] { $n } person logged in
       *[other] { $n } people logged in
    }
batches =
    { $n ->
        [one] { $n } batch
       *[other] { $n } batches
    }
snapshots =
    { $n ->
        [one] { $n } snapshot
       *[other] { $n } snapshots
    }
connected = Connected
not-looked = Not looked at yet
rtt-long = Round-trip time

col-target = Target
col-state = State
col-rtt-p50 = RTT median
col-p95 = 95 %
col-loss = Loss
col-jitter = Jitter
col-hour = Last hour
col-from = From
col-disk = Disk
col-used = Used
col-fill = Fill level
col-free = Free
col-interface = Interface
col-receive = Receives
col-transmit = Sends
col-speed = Speed
col-errors = Errors
col-discards = Discards
col-agent = Agent
col-seen = Last seen
col-spool = Waiting
col-clock = Clock
col-certificate = Certificate ends
col-version = Version
col-site = Site
col-role = Role
col-job = Job
col-newest = Newest
col-snapshots = Snapshots
col-proof = Restore proof
col-outcome = Last look

facts = Facts
now = Now
history = History
range = Time range
range-1h = 1 h
range-24h = 24 h
range-7d = 7 d
range-30d = 30 d
chart-needs-script = Charts need JavaScript. The current figures are above; the history is in the API.
chart-empty = Nothing was recorded in this time.
chart-error = The history could not be read. It will be tried again.
stat-last = Last
stat-min = Min
stat-mean = Mean
stat-max = Max
stat-median = Median
stat-p95 = 95 %
stat-worst-loss = Worst loss
observes = What it observes
observed-by = Observed by
caused-by = Because of
so-since = since
certificate-ends = Certificate ends
activity = Activity
confidence = Confidence
parts = Parts
up-since = Started
backups-lead = Judged by what the repositories hold. Only a restore that was compared byte by byte proves a backup.

incident = Incident
incidents-lead = One incident for one cause, with everything that suffers from it.
incidents-open = Open now
incidents-none = No incident is open.
incidents-all = All incidents
incidents-more =
    { $n ->
        [one] and { $n } more
       *[other] and { $n } more
    }
incidents-ended = Ended lately
incident-cause = Cause
incident-state = Incident
incident-goes-on = Open
incident-over = Over
incident-began = Began
incident-ended = Ended
incident-duration = Duration
incident-suffers = What suffers from it
incident-suffered = What suffered from it
incident-root-now = The cause now
incident-merged = Consequence of
part-of = Part of
affected =
    { $n ->
        [0] Nothing else suffers from it
        [one] { $n } thing suffers from it
       *[other] { $n } things suffer from it
    }
affected-more =
    { $n ->
        [one] and { $n } more
       *[other] and { $n } more
    }
timeline = What happened
timeline-whole = The whole story
timeline-earlier =
    { $n ->
        [one] { $n } earlier entry
       *[other] { $n } earlier entries
    }
timeline-omitted =
    { $n ->
        [one] { $n } entry had no room here
       *[other] { $n } entries had no room here
    }
taken-by = Taken on by
not-taken = Nobody has taken it on yet
take-on = Take it on
take-note = Note for the others (may be empty)
col-ended-by = How it ended
col-suffered = Suffered
maintenance = Maintenance
maintenance-none = No maintenance is under way or planned.
maintenance-under-way = Under way
maintenance-planned = Planned
maintenance-over = Over
col-covers = What
col-until = Until
col-by = By
col-why = Why

discovery-lead = What agents found without being told. It is what these devices say of themselves: none of it is proved.
strangers =
    { $n ->
        [0] Every station is known
        [one] { $n } station is on no list
       *[other] { $n } stations are on no list
    }
finds-more =
    { $n ->
        [one] { $n } more had no room here; “wasl discovery” lists all
       *[other] { $n } more had no room here; “wasl discovery” lists all
    }
known-no = On no list
known-listed = Listed
col-known = Known as
col-addresses = Addresses
col-first = First seen
col-seen-by = Seen by
col-heard = Heard at
col-its-port = Its port
col-managed-at = Managed at
no-finds = Nothing was found. Agents listen for neighbours at the interfaces under “discovery: lldp” and ask for stations on the subnets under “discovery: sweep”, if the configuration names any.
proposal = Proposed configuration
proposal-lead = What is not known yet, as configuration. Look at each line first. This command shows it, checks it beside the rest, and writes it once you agree:
proposal-text = What it would write
proposal-more =
    { $n ->
        [one] { $n } more line; “wasl discovery --propose” prints all
       *[other] { $n } more lines; “wasl discovery --propose” prints all
    }

no-agents = No agent has joined yet.
join-token = 1. Here, make a token for the machine. It works once and only for a while:
join-agent = 2. There, join with the token and start the agent:
no-targets = No targets are configured. Add them under “targets” in the YAML directory; “wasl check” tells whether it is right.
no-devices = No devices are configured. Add them under “devices” in the YAML directory; the community or the password is a secret's name.
no-backups = No backup jobs are configured. Add them under “backups” in the YAML directory, for an agent that can reach the repository.

login-name = Name
login-password = Password
login-help = Forgotten? Whoever runs the controller can set a new password.
login-refused = Name or password is wrong.
login-too-many =
    { $n ->
        [one] Too many attempts. Try again in { $n } minute.
       *[other] Too many attempts. Try again in { $n } minutes.
    }
login-expired = This form was too old. Please log in again.

error-title-400 = This request is not understood
error-title-401 = You are not logged in
error-title-403 = You may not do this
error-title-404 = There is nothing here
error-title-405 = This cannot be done here
error-title-413 = This is too large
error-title-429 = Too many requests
error-title-500 = Something went wrong here
error-title-503 = Not ready
error-todo-400 = Go back and check what was entered. If you followed a link, it may be cut off.
error-todo-401 = Log in and try again.
error-todo-403 = Your role does not include it. An administrator can change roles.
error-todo-404 = It was removed, renamed, or never observed. The overview shows everything there is.
error-todo-405 = Go back and use the buttons of the page.
error-todo-413 = Send less at once.
error-todo-429 = Wait a minute, then try again.
error-todo-500 = It is not your fault. Try again; if it stays so, the controller's log tells more under the number below.
error-todo-503 = The controller is starting or its store is busy. Try again in a few seconds.
request-number = Request
to-overview = To the overview

links-none = No links are configured yet
links-ok = All links work
links-unknown =
    { $n ->
        [one] { $n } link is unknown
       *[other] { $n } links are unknown
    }
links-degraded =
    { $n ->
        [one] { $n } link is degraded
       *[other] { $n } links are degraded
    }
links-down =
    { $n ->
        [one] { $n } link is down
       *[other] { $n } links are down
    }
no-links = No links are configured. Add them under “links” in the YAML directory: the places they join, who probes them, and what the provider owes.
topology = Picture of the links
internet = Internet
the-internet = the Internet
mos-long = Mean opinion score of a telephone call, estimated (ITU-T G.107, G.711): 1 to 4.5
col-mos = MOS
col-throughput = Throughput
col-ends = Ends
directions = The two directions
col-tests = Tests
col-loss-there = Loss there
col-loss-back = Loss back
col-delay-there = Delay there
col-delay-back = Delay back
directions-no-delay = The delay of one direction is told where the clocks of both ends are known to be right (chrony); losses need no clocks.
towards = towards { $place }
throughput-towards = Throughput towards { $place }
ends-differ = The ends differ
end-silent = silent
ports-up = up
ports-down = down
silent-for = silent for { $time }
irregular-late = late
irregular-duplicates = duplicate
irregular-reordered = reordered
irregular-forged = forged
irregular-voided = voided

contract-measured = Owed and measured
col-what = What
col-owed = Owed
col-now = Now
col-month = Month
availability = Availability
p95-short = 95th percentile of the month
contracted = bought
col-probes = Probes
col-p99 = 99 %
via = via
rating-long = Transmission rating of a telephone call, estimated (ITU-T G.107): up to 93.2; above 80 users are satisfied
col-rating = R
smoke-of = Round-trip time and loss, seen by
smoke-median = median
smoke-inner = up to 95 %
smoke-outer = least to 99 %
smoke-loss = lost probes
months = Calendar months
col-promise = Promise
col-between = Worst – best case
col-observed-time = Observed
col-outages = Outages
col-report = Report
so-far = so far
printable = Printable
changes = What happened
changes-none = Nothing has changed lately.
change-gone = No longer followed
event-late = (told late)
forecast-unasked = No forecast: it takes a bought rate and an interface that tells the traffic.
forecast-too-little = When it is full cannot be told yet: { $have } of at least { $need } days.
forecast-full = Busy hour at { $share }: it is full. From 90 % on it counts as full.
forecast-steady = Busy hour at { $share }; no growth can be told.
forecast-far = Busy hour at { $share }; growing, but not full within two years.
forecast-grows = Busy hour at { $share }, growing by { $growth } in 30 days; full (90 %) on { $day } (between { $from } and { $until }, at 95 %).
forecast-never = later than can be told
report-title = Report on a link
report-not-over = the month is not over
r-owed = Availability outside of planned maintenance
r-best = Best case
r-worst = Worst case
r-all = With planned maintenance
r-promised = Promised
r-up = up
r-down = down
r-unobserved = not observed
r-planned = Planned maintenance
r-planned-down = Down during it
r-outages = Outages
r-no-outages = There was none.
r-open = It touches time that nobody observed and may have been longer.
r-placed = Put together from means: its length is known, but not where within them it lies, nor whether it was one.
r-cut =
    { $n ->
        [one] Only the first outage is listed; the times above count all.
       *[other] Only the first { $n } outages are listed; the times above count all.
    }
col-number = No.
col-note = Note
r-quality = Loss and round-trip times
col-measured-by = Measured by
r-expected = Probes expected
r-decided = Decided
r-lost = Lost
r-loss-between = 95 % interval
r-jitter = Jitter median / 95 %
r-all-ends = All ends
r-tests = Tests
r-undecided = Direction unknown
r-delay = Mean delay
r-there = there
r-back = back
r-carried = What was carried
r-shares = What each institution used
r-due = Its share
r-bytes = Bytes moved
col-share = Institution
r-direction = Direction
r-p95 = 95th percentile
r-share = Share
r-averages = Averages / expected
r-contract = What the contract says
r-method = How it was measured
r-made = Made on
r-made-by = by
r-made-unnamed = by somebody on the controller's own machine
m-probes = Each end sends probes (ICMP echo, TCP connect where ICMP is not permitted) and waits for the answer. The time between two probes is
m-class = class
m-window = What was sent in a window and what came back is counted together. A window's length is
m-any-way = by any route
m-clock = clock off by
m-down = The link counts as down while the detector of every end that observed it held it for down: from the first probe without an answer to the first answer, each known to one interval between probes. What is over before a detector is sure, which takes at least eight probes in a row without an answer and a few seconds at most, is no outage; its losses count as loss. The ends judge for themselves: what one of them gets answered has passed in both directions.
m-gaps = Time without windows is not observed and counts as neither up nor down. The best case takes it as up, the worst case as down; each also takes what means leave in doubt for its side. A promise counts as kept only if it was kept in the worst case, and as broken only if it was not kept in the best case.
m-resolution = Over all ends,
m-from-windows = rest on windows as they were measured
m-from-means = on means of five minutes or longer, as windows are not kept for ever. These tell for how long the link was down as each end saw it, but not when within them; where two ends look, the link counts as down for what both can have in common.
m-hidden = Time down that means may hide, and that the worst case includes:
m-doubtful = Time that counts as down although means leave it in doubt, and that the best case leaves out:
m-by-loss = Time of which no detector told anything, so that only windows and means in which every probe was lost count as down:
m-damaged =
    { $n ->
        [one] { $n } stored block is damaged and missing.
       *[other] { $n } stored blocks are damaged and missing.
    }
m-loss = Loss is the share of decided probes that were not answered in time. Its 95 % interval is Wilson's for independent losses; losses come in bursts, so the truth is somewhat wider.
m-times = Round-trip times are put together from each window's least, median, 95 %, 99 % and greatest; quantiles of the month are within some percent of those of all single round trips. Jitter is the mean difference between successive round-trip times of a window (after RFC 3550). The opinion score is an estimate by ITU-T G.107 for G.711.
m-directions = What each direction loses is measured by tests beside the probes (STAMP, RFC 8762): both ends number them, and the numbers tell in which direction one was lost, without any clock. A direction's loss is the share of the tests whose fate in it is known; its interval is Wilson's, as above. A lost test of which nobody knows the direction (while the line is cut altogether, before the first answer, or where the other end began to count anew) counts in neither and is given by itself. Observed is the time of the windows in which the fates of tests were decided; of the rest nothing is said. Numbers of tests are kept as sums, so that they do not change once only means are left.
m-delays = The delay of a direction is the mean of the windows' median delays, over the windows in which both clocks were known to be right (chrony); it is true to within the mean of what the clocks may have been off by then.
m-no-delays = The delay of a direction is not told, because in no window both clocks were known to be right (chrony).
m-every = a test every
m-with-delays = windows with delays
m-carried = Traffic is averaged over five minutes; of the averages of the calendar month the highest 5 % are left out, and the next one is the 95th percentile, as lines are billed. Missing averages are not made up.
m-planned = Planned maintenance is what was announced here for the link or its place. The availability that is held against the promise leaves it out on both sides.
m-promises = Loss counts as kept or broken only where its whole 95 % interval is on that side of the promise; the median round-trip time and jitter only where they are more than 5 % away from it. All three hold for what was measured.

not-counted = Whose traffic the line carries is not counted:
shares = Who shares the line
shares-counted = counted by { $agent } at { $interface }
col-institution = Institution
col-share-of = Share
col-uses-down = Uses, down
col-uses-up = Uses, up
of-share = { $share } of its share
of-line = { $share } of the line
talkers = Who uses it most
talkers-seen =
    { $n ->
        [one] one address in { $time }
       *[other] { $n } addresses in { $time }
    }
talkers-crowded = More addresses are at work than the gateway counts, so one may be missing.
talkers-none = Nothing was counted lately.
col-address = Address
col-down = Down
col-up = Up
