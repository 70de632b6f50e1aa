# سبب الحكم على الشيء. نص لكل رمز سبب.

reason-unlisted = السبب { $code } ({ $args })، ولا نص له في هذا الإصدار
reason-agent_connected = متصل
reason-agent_disconnected = غير متصل منذ { $since }
reason-agent_never_seen = لم يتصل قط
reason-agent_clock_off = انحراف الساعة { $offset_s }، والحد المسموح { $limit_s }
reason-agent_certificate_ends =
    { $days ->
        [zero] تنتهي الشهادة اليوم
        [one] تنتهي الشهادة بعد يوم واحد
        [two] تنتهي الشهادة بعد يومين
        [few] تنتهي الشهادة بعد { $days } أيام
        [many] تنتهي الشهادة بعد { $days } يومًا
       *[other] تنتهي الشهادة بعد { $days } يوم
    }
reason-agent_spool_dropping =
    { $count ->
        [zero] امتلأ مخزن الانتظار، ولم تُفقد أي دفعة
        [one] امتلأ مخزن الانتظار وفُقدت دفعة واحدة
        [two] امتلأ مخزن الانتظار وفُقدت دفعتان
        [few] امتلأ مخزن الانتظار وفُقدت { $count } دفعات
        [many] امتلأ مخزن الانتظار وفُقدت { $count } دفعة
       *[other] امتلأ مخزن الانتظار وفُقدت { $count } دفعة
    }
reason-machine_fine = يعمل كما ينبغي
reason-memory_low = لم يبق من الذاكرة سوى { $percent }
reason-disk_fine = فيه متسع
reason-disk_filling = ممتلئ بنسبة { $percent }
reason-disk_full = امتلأ: المستخدم { $percent }
reason-disk_read_only = مركّب للقراءة فقط
reason-interface_up = تعمل
reason-interface_down = لا إشارة على الخط
reason-interface_unused = غير مستعملة: لا إشارة، ولا شيء يعتمد عليها
reason-interface_gone = لم تعد هذه الواجهة موجودة
reason-interface_disabled = معطّلة عن قصد
reason-interface_errors = أخطاء بمعدل { $per_second }
reason-target_answers = يستجيب خلال { $rtt_ms }
reason-target_lossy = فقد { $loss_percent } من المجسّات
reason-target_silent = لا يستجيب
reason-device_answers = يستجيب
reason-device_silent = لا يستجيب لطلبات SNMP
reason-target_slow = بطيء: يستجيب خلال { $rtt_ms }
reason-target_jittery = غير مستقر: يتفاوت التأخير بمقدار { $jitter_ms }
reason-target_flapping = يغيب ويعود مرارًا، ويُعدّ ضعيفًا حتى يستقر
reason-path_measured = كلا الاتجاهين سليم
reason-path_loses_there = يفقد { $loss_percent } في الذهاب
reason-path_loses_back = يفقد { $loss_percent } في الإياب
reason-path_silent = الطرف الآخر لا يجيب عن أي اختبار
reason-path_cut_there = مقطوع في الذهاب: لا يصل أي اختبار إلى الطرف الآخر
reason-path_cut_back = مقطوع في الإياب: تصل الاختبارات إلى الطرف الآخر ولا يعود أي جواب
reason-link_up = سليمة: الذهاب والإياب في { $rtt_ms }
reason-link_one_ended = تعمل، لكن لا يُجاب على أي من مجسّات { $agent }: شيء عند أحد طرفيها يسقطها
reason-link_cut = مقطوعة: لا شيء يعبرها
reason-link_no_way = لا طريق من هذا الطرف إلى الوصلة
reason-link_lossy = تفقد { $loss_percent } من الحزم
reason-link_slow = بطيئة: الذهاب والإياب في { $rtt_ms }
reason-link_jittery = غير مستقرة: يتفاوت التأخير بمقدار { $jitter_ms }
reason-link_flapping = تنقطع وتعود مرارًا، وتُعدّ ضعيفة حتى تستقر
reason-link_congested = مزدحمة: { $direction } يشغل { $load_percent } من السعة المتعاقد عليها، فتستغرق الحزم { $rtt_ms } ويُفقد منها { $loss_percent }
reason-link_faulty = فيها عطل: تفقد { $loss_percent } من الحزم ويستغرق الذهاب والإياب { $rtt_ms }، مع أن المستخدم من السعة { $load_percent } فقط
reason-share_counted = يُحصى ما تستخدمه، ولا حصة متفقًا عليها
reason-share_fair = تستخدم { $percent } من حصتها
reason-share_exceeded = تأخذ { $percent } من حصتها من { $direction }، والخط ممتلئ بنسبة { $load_percent } وغيرها لا ينال حصته
reason-ring_whole = مغلقة: كل وصلاتها تعمل، وعددها { $total }
reason-ring_broken = مقطوعة عند { $names }، والانقطاع التالي يعزل بعض الأماكن
reason-ring_parted = مقطوعة عند { $count } من { $total } وصلات، وبعض الأماكن معزولة: { $names }
reason-sensor_fine = كما ينبغي
reason-sensor_measures = يقيس
reason-sensor_degraded = القيمة { $value } ليست كما ينبغي
reason-sensor_down = القيمة { $value } حرجة
reason-backup_fresh = عمر أحدث نسخة { $age_hours }
reason-backup_stale = عمر أحدث نسخة { $age_hours }، والحد المسموح { $limit_hours }
reason-backup_unreadable = تعذّرت قراءة المستودع: { $outcome }
reason-backup_empty = لا نسخ في المستودع
reason-not_observed = لم يُراقَب بعد
reason-not_measured = لا تُقاس: الجهاز الذي يجسّها لا يستطيع الإرسال
reason-observations_stale = لا مشاهدات منذ { $age_s }
reason-not_heard = لا خبر منذ { $since }
reason-site_reachable = وكلاؤه متصلون
reason-site_silent =
    { $count ->
        [zero] لا وكيل متصل
        [one] وكيله غير متصل
        [two] وكيلاه غير متصلين
        [few] لا أحد من وكلائه ({ $count }) متصل
        [many] لا أحد من وكلائه ({ $count }) متصل
       *[other] لا أحد من وكلائه ({ $count }) متصل
    }
reason-uplinks_up = الطرق إليه تعمل
reason-uplinks_degraded = وصلات إليه تعمل بضعف، عددها { $count } من { $total }: { $names }
reason-uplinks_down = وصلات إليه لا تعمل، عددها { $count } من { $total }: { $names }
reason-redundancy_lost = يعمل بلا احتياط: فُقد { $count } من { $total } ({ $names })
reason-flapping = متقلّب: عدد التغيّرات { $count } على الأقل خلال { $window_s }
reason-in_maintenance = في صيانة حتى { $until }
