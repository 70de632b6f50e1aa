# The words of the model.

not-known = not known
yes = yes
no = no

health-ok = OK
health-maintenance = Maintenance
health-unknown = Unknown
health-degraded = Degraded
health-down = Down

proof-proved = Proved
proof-due = Due again
proof-none = Never proved
proof-failed = Failed

severity-info = Note
severity-warning = Warning
severity-error = Error

incident-severity-warning = Warning
incident-severity-critical = Critical

event-opened = It began:
event-changed = It changed:
event-joined = Suffers too:
event-left = Suffers no longer:
event-flapping =
    { $n ->
        [one] It changed { $n } time, and counts as trouble until it is steady
       *[other] It changed { $n } times, and counts as trouble until it is steady
    }
event-absorbed = Turned out to be a consequence of this:
event-merged_into = Turned out to be a consequence of:
event-acknowledged = Taken on by
event-maintenance = Ended by maintenance
event-ended = Over

role-gateway = Gateway
role-server = Server
role-lab = Laboratory
role-elibrary = E-library

user-role-viewer = Viewer
user-role-technician = Technician
user-role-librarian = Librarian
user-role-engineer = Engineer
user-role-admin = Administrator

direction-down = to the place
direction-up = from the place

kind-agent = Agent
kind-machine = Machine
kind-disk = Disk
kind-interface = Interface
kind-target = Target
kind-device = Device
kind-backup_job = Backup job
kind-site = Site
kind-link = Link
kind-ring = Ring
kind-neighbour = Neighbour
kind-station = Station
kind-path = Path
kind-sensor = Sensor
kind-share = Share of a line

kinds-agent = Agents
kinds-machine = Machines
kinds-disk = Disks
kinds-interface = Interfaces
kinds-target = Targets
kinds-device = Devices
kinds-backup_job = Backup jobs
kinds-site = Sites
kinds-link = Links
kinds-ring = Rings
kinds-neighbour = Neighbours
kinds-station = Stations
kinds-path = Paths
kinds-sensor = Sensors
kinds-share = Shares of lines

method-icmp = ICMP
method-icmp_raw = ICMP (raw)
method-tcp_connect = TCP connect

outcome-read = Read
outcome-tool_missing = Tool not installed
outcome-wrong_password = Password refused
outcome-unreachable = Repository not reachable
outcome-locked = Repository locked
outcome-unreadable = Answer not understood
outcome-timed_out = Not done in time
outcome-secret_missing = Secret missing

notice-icmp_not_permitted = ICMP is not permitted
notice-clock_stepped = The clock was set while measuring
notice-spool_quota = The spool is full
notice-spool_corrupt = Parts of the spool are damaged
notice-device_silent = A device does not answer
notice-device_partial = A device answers in part
notice-secret_missing = A secret is missing
notice-not_supported = Something is beyond this agent
notice-disk_full = The spool's disk is full
notice-probes_not_sent = Probes cannot be sent
notice-name_unresolved = A name has no address
notice-spool_rolled_back = The spool went back to an older copy
notice-upload_refused = The controller refuses a batch
notice-store_replaced = The controller has another store

remedy-icmp_not_permitted = Targets are measured by TCP connect, which is less exact. Give the agent CAP_NET_RAW, or put its group into net.ipv4.ping_group_range.
remedy-clock_stepped = The samples of that moment were left out. If it happens again, check the machine's time service.
remedy-spool_quota = The oldest observations are given up. Restore the way to the controller, or raise the quota.
remedy-spool_corrupt = What could be read was sent. Check the disk; a power cut is the usual cause.
remedy-device_silent = Check that the device is reachable from the agent, that SNMP is on, and that the credentials are right.
remedy-device_partial = What it answers is used. Update the device's software; where that does not help, tell its maker which columns are named.
remedy-secret_missing = Put the file of that name into the agent's secrets folder, readable by the agent alone.
remedy-not_supported = Update the agent, or take that part out of its configuration.
remedy-disk_full = New observations cannot be kept. Make room on the agent's disk.
remedy-probes_not_sent = Look at the packet filter of the agent's own machine (`nft list ruleset`, chain output), and whether its buffers are full.
remedy-name_unresolved = Check the target's name in the configuration and the agent's name servers.
remedy-spool_rolled_back = New observations go on in a new epoch. If the machine's disk is reset at every boot, keep the agent's state folder on a disk that is not.
remedy-upload_refused = The batch was put aside and the rest goes on. Update the older of agent and controller, and tell the maintainers.
remedy-store_replaced = What the agent still holds is sent again. If the store was not replaced on purpose, restore its backup.

field-down_rate = Towards it
field-up_rate = From it
field-down_packets = Packets towards it
field-up_packets = Packets from it
field-cpu_busy = Processors busy
field-memory_used = Memory used
field-memory_total = Memory in all
field-swap_used = Swap used
field-sessions = People logged in
field-booted_at = Started
field-used = Used
field-size = Size
field-inodes_used = Inodes used
field-receive_rate = Receives
field-transmit_rate = Sends
field-receive_packets = Packets received
field-transmit_packets = Packets sent
field-errors = Errors
field-discards = Discards
field-speed = Nominal speed
field-up = Up
field-temperature = Temperature
field-voltage = Voltage
field-current = Current
field-power = Power
field-frequency = Frequency
field-humidity = Humidity
field-charge = Charge
field-load = Load
field-runtime = Time left
field-fan = Fan speed
field-status = Status number
field-rate = Rate
field-rtt_p50 = RTT, median
field-rtt_p95 = RTT, 95 %
field-rtt_p99 = RTT, 99 %
field-rtt_min = RTT, smallest
field-rtt_max = RTT, largest
field-jitter = Jitter
field-loss = Loss
field-down = Time down
field-observed = Time observed
field-loss_forward = Loss on the way there
field-loss_back = Loss on the way back
field-reflected = Tests that arrived
field-lost_forward = Tests lost on the way there
field-lost_back = Tests lost on the way back
field-undecided = Losses of unknown direction
field-delay_forward_min = Delay on the way there, least
field-delay_forward_p50 = Delay on the way there, median
field-delay_back_min = Delay on the way back, least
field-delay_back_p50 = Delay on the way back, median
field-delay_error = Error of the delays, at most
field-sent = Probes
field-mos = Speech quality (MOS)
field-resident = Resident memory
field-spool_pending = Batches waiting
field-spool_bytes = Spool on disk
field-clock_offset = Clock offset
field-answered = Answered
field-duration = Poll took
field-requests = Requests
field-uptime = Running for
field-interfaces = Interfaces
field-voided = Increments left out
field-columns_failed = Columns not read to their end
field-snapshots = Snapshots
field-newest_at = Newest made
field-newest_bytes = Newest covers

duration-seconds = { $n } s
duration-minutes = { $n } min
duration-hours = { $n } h
duration-days =
    { $n ->
        [one] { $n } day
       *[other] { $n } days
    }
duration-two = { $first } { $second }

ago-seconds = { $n } s ago
ago-minutes = { $n } min ago
ago-hours = { $n } h ago
ago-days =
    { $n ->
        [one] { $n } day ago
       *[other] { $n } days ago
    }
in-seconds = in { $n } s
in-minutes = in { $n } min
in-hours = in { $n } h
in-days =
    { $n ->
        [one] in { $n } day
       *[other] in { $n } days
    }

activity-primary = Primary
activity-backup = Backup, carrying
activity-standby = Standby

promise-kept = Kept
promise-broken = Broken
promise-open = Cannot be told
promise-none = Nothing promised

promise-text-kept = The promised availability was reached, whatever happened while nobody looked.
promise-text-broken = The promised availability was not reached, even if the link was up whenever nobody looked.
promise-text-open = Whether the promised availability was reached depends on time that nobody observed.
promise-text-none = The configuration names no promised availability.

occurrence-link_down_trap = The device says that a link is going down
occurrence-link_up_trap = The device says that a link is back
occurrence-cold_start = The device starts anew, perhaps with another configuration
occurrence-warm_start = The device starts anew with the configuration it had
occurrence-authentication_failure = The device was asked with a wrong community or key
occurrence-other_trap = The device reports something
occurrence-traps_dropped = Some of the device's reports were not kept one by one
occurrence-unknown_station = More stations speak on the subnet than it has addresses
occurrence-neighbour_changed = Another neighbour is at the port, or none
occurrence-address_conflict = Two stations have the same address
occurrence-gone = Gone: its device or machine lists it no more
occurrence-activity_changed = Does something else than before
occurrence-takes-over = Takes over: from standby to backup, as all primaries between its places are down
occurrence-waits-again = Waits again: from backup to standby
occurrence-stranger = A station that is on no list: { $mac } with the address { $ip } on { $interface }
occurrence-strangers =
    { $count ->
        [one] One more station that is on no list, at { $site }
       *[other] { $count } more stations that are on no list, at { $site }
    }
occurrence-crowd = More than { $places } stations speak on the subnet { $subnet }; those beyond are not listed
occurrence-conflict = Both { $mac } and { $other_mac } answer for the address { $ip }
