# Why a thing is judged as it is. One text per reason code.

reason-unlisted = Reason { $code } ({ $args }), which this version has no text for
reason-agent_connected = Connected
reason-agent_disconnected = Not connected since { $since }
reason-agent_never_seen = Has never connected
reason-agent_clock_off = The clock is { $offset_s } off; { $limit_s } is the limit
reason-agent_certificate_ends =
    { $days ->
        [0] The certificate ends today
        [one] The certificate ends in { $days } day
       *[other] The certificate ends in { $days } days
    }
reason-agent_spool_dropping =
    { $count ->
        [one] The spool is full; { $count } batch was given up
       *[other] The spool is full; { $count } batches were given up
    }
reason-machine_fine = Runs as it should
reason-memory_low = Only { $percent } of the memory is left
reason-disk_fine = Has room
reason-disk_filling = { $percent } full
reason-disk_full = Full: { $percent } used
reason-disk_read_only = Mounted read-only
reason-interface_up = Up
reason-interface_down = Has no carrier
reason-interface_unused = Not in use: no carrier, and nothing depends on it
reason-interface_gone = There is no such interface any more
reason-interface_disabled = Switched off on purpose
reason-interface_errors = { $per_second } errors
reason-target_answers = Answers in { $rtt_ms }
reason-target_lossy = Loses { $loss_percent } of the probes
reason-target_silent = Does not answer
reason-device_answers = Answers
reason-device_silent = Does not answer SNMP
reason-target_slow = Slow: answers in { $rtt_ms }
reason-target_jittery = Unsteady: delays vary by { $jitter_ms }
reason-target_flapping = Comes and goes; counts as poor until it is steady
reason-path_measured = Both directions are sound
reason-path_loses_there = Loses { $loss_percent } on the way there
reason-path_loses_back = Loses { $loss_percent } on the way back
reason-path_silent = The other end answers no test
reason-path_cut_there = Cut on the way there: no test arrives at the other end
reason-path_cut_back = Cut on the way back: tests arrive at the other end, and no answer returns
reason-link_up = Sound: { $rtt_ms } there and back
reason-link_one_ended = It carries, but no probe of { $agent } is answered: something at an end drops them
reason-link_cut = Cut: nothing comes through
reason-link_no_way = This end has no way into the link
reason-link_lossy = Loses { $loss_percent } of the packets
reason-link_slow = Slow: { $rtt_ms } there and back
reason-link_jittery = Unsteady: delays vary by { $jitter_ms }
reason-link_flapping = Goes up and down; counts as poor until it is steady
reason-link_congested = Congested: traffic { $direction } fills { $load_percent } of the contract; packets take { $rtt_ms } and { $loss_percent } are lost
reason-link_faulty = Faulty: it loses { $loss_percent } of the packets and takes { $rtt_ms }, though only { $load_percent } of the contract is used
reason-share_counted = What it uses is counted; no share is agreed
reason-share_fair = Uses { $percent } of its share
reason-share_exceeded = Takes { $percent } of its share of traffic { $direction }, while the line is { $load_percent } full and others have less than theirs
reason-ring_whole = Closed: all { $total } links work
reason-ring_broken = Broken at { $names }; the next break would part the places
reason-ring_parted = Broken at { $count } of { $total } links, places are parted: { $names }
reason-sensor_fine = As it should be
reason-sensor_measures = Measures
reason-sensor_degraded = { $value } is not as it should be
reason-sensor_down = { $value } is critical
reason-backup_fresh = The newest is { $age_hours } old
reason-backup_stale = The newest is { $age_hours } old; { $limit_hours } is the limit
reason-backup_unreadable = The repository could not be read: { $outcome }
reason-backup_empty = The repository holds no backup
reason-not_observed = Not observed yet
reason-not_measured = Not measured: the machine that is to probe it cannot send
reason-observations_stale = Nothing heard for { $age_s }
reason-not_heard = Nothing heard since { $since }
reason-site_reachable = Its agents are connected
reason-site_silent =
    { $count ->
        [one] Its agent is not connected
       *[other] None of its { $count } agents is connected
    }
reason-uplinks_up = What leads there works
reason-uplinks_degraded = { $count } of { $total } links to it work poorly: { $names }
reason-uplinks_down = { $count } of { $total } links to it do not work: { $names }
reason-redundancy_lost = Works, but without reserve: { $count } of { $total } lost ({ $names })
reason-flapping = Keeps changing: { $count } times or more within { $window_s }
reason-in_maintenance = Maintenance until { $until }
