# كلمات النموذج.

not-known = غير معلوم
yes = نعم
no = لا

health-ok = سليم
health-maintenance = قيد الصيانة
health-unknown = غير معروف
health-degraded = متدهور
health-down = متوقف

proof-proved = مُثبَتة
proof-due = حان تجديدها
proof-none = لم تُثبَت قط
proof-failed = فشل الإثبات

severity-info = ملاحظة
severity-warning = تحذير
severity-error = خطأ

incident-severity-warning = تحذير
incident-severity-critical = حرج

event-opened = بدأ:
event-changed = تغيّر:
event-joined = تأثّر أيضًا:
event-left = لم يعد متأثرًا:
event-flapping =
    { $n ->
        [zero] لم تتغيّر الحالة، ويُعدّ العطل قائمًا حتى تستقر
        [one] تغيّرت الحالة مرة واحدة، ويُعدّ العطل قائمًا حتى تستقر
        [two] تغيّرت الحالة مرتين، ويُعدّ العطل قائمًا حتى تستقر
        [few] تغيّرت الحالة { $n } مرات، ويُعدّ العطل قائمًا حتى تستقر
        [many] تغيّرت الحالة { $n } مرة، ويُعدّ العطل قائمًا حتى تستقر
       *[other] تغيّرت الحالة { $n } مرة، ويُعدّ العطل قائمًا حتى تستقر
    }
event-absorbed = تبيّن أنه ناتج عن هذا:
event-merged_into = تبيّن أنه ناتج عن:
event-acknowledged = تولّى أمره
event-maintenance = أنهته صيانة
event-ended = انتهى

role-gateway = بوابة
role-server = خادم
role-lab = مختبر
role-elibrary = مكتبة إلكترونية

user-role-viewer = مشاهِد
user-role-technician = فني
user-role-librarian = أمين مكتبة
user-role-engineer = مهندس
user-role-admin = مدير

direction-down = الوارد
direction-up = الصادر

kind-agent = وكيل
kind-machine = حاسوب
kind-disk = قرص
kind-interface = واجهة شبكة
kind-target = هدف
kind-device = جهاز شبكة
kind-backup_job = مهمة نسخ احتياطي
kind-site = فرع
kind-link = وصلة
kind-ring = حلقة
kind-neighbour = جار
kind-station = محطة
kind-path = مسار
kind-sensor = مستشعر
kind-share = حصة من خط

kinds-agent = الوكلاء
kinds-machine = الحواسيب
kinds-disk = الأقراص
kinds-interface = واجهات الشبكة
kinds-target = الأهداف
kinds-device = أجهزة الشبكة
kinds-backup_job = مهام النسخ
kinds-site = الفروع
kinds-link = الوصلات
kinds-ring = الحلقات
kinds-neighbour = الجيران
kinds-station = المحطات
kinds-path = المسارات
kinds-sensor = المستشعرات
kinds-share = حصص الخطوط

method-icmp = ICMP
method-icmp_raw = ICMP (خام)
method-tcp_connect = اتصال TCP

outcome-read = قُرئ المستودع
outcome-tool_missing = الأداة غير مثبّتة
outcome-wrong_password = رُفضت كلمة المرور
outcome-unreachable = تعذّر الوصول إلى المستودع
outcome-locked = المستودع مقفل
outcome-unreadable = رد غير مفهوم
outcome-timed_out = لم ينتهِ في الوقت المحدد
outcome-secret_missing = السر مفقود

notice-icmp_not_permitted = ICMP غير مسموح
notice-clock_stepped = ضُبطت الساعة أثناء القياس
notice-spool_quota = امتلأ مخزن الانتظار
notice-spool_corrupt = أجزاء من مخزن الانتظار تالفة
notice-device_silent = جهاز لا يستجيب
notice-device_partial = جهاز يجيب عن بعض ما يُسأل
notice-secret_missing = سر مفقود
notice-not_supported = طُلب ما لا يستطيعه هذا الوكيل
notice-disk_full = امتلأ قرص مخزن الانتظار
notice-probes_not_sent = تعذّر إرسال المجسّات
notice-name_unresolved = اسم بلا عنوان
notice-spool_rolled_back = عاد مخزن الانتظار إلى نسخة أقدم
notice-upload_refused = يرفض المركز دفعة مشاهدات
notice-store_replaced = لدى المركز مستودع آخر

remedy-icmp_not_permitted = تُقاس الأهداف باتصال TCP، وهو أقل دقة. امنح الوكيل الصلاحية CAP_NET_RAW، أو أدرج مجموعته في net.ipv4.ping_group_range.
remedy-clock_stepped = استُبعدت عينات تلك اللحظة. إن تكرر ذلك فافحص خدمة الوقت على الجهاز.
remedy-spool_quota = يُتخلّى عن أقدم المشاهدات. أعد الاتصال بالمركز أو ارفع الحصة.
remedy-spool_corrupt = أُرسل ما أمكنت قراءته. افحص القرص، فالسبب المعتاد انقطاع الكهرباء.
remedy-device_silent = تحقق من إمكان الوصول إلى الجهاز من الوكيل، ومن تفعيل SNMP، ومن صحة بيانات الدخول.
remedy-device_partial = يُستعمل ما يجيب عنه. حدّث برمجيات الجهاز، فإن لم ينفع ذلك فأخبر صانعه بالأعمدة المذكورة.
remedy-secret_missing = ضع الملف الذي يحمل هذا الاسم في مجلد أسرار الوكيل، على ألا يقرأه سوى الوكيل.
remedy-not_supported = حدّث الوكيل، أو أزل هذا الجزء من إعداداته.
remedy-disk_full = لا يمكن حفظ مشاهدات جديدة. أفسح مكانًا على قرص الوكيل.
remedy-probes_not_sent = افحص مرشّح الحزم على جهاز الوكيل نفسه (`nft list ruleset`، السلسلة output)، وهل امتلأت مخازنه المؤقتة.
remedy-name_unresolved = تحقق من اسم الهدف في الإعدادات ومن خوادم الأسماء لدى الوكيل.
remedy-spool_rolled_back = تستمر المشاهدات الجديدة في حقبة جديدة. إن كان قرص الجهاز يُعاد عند كل إقلاع فضع مجلد حالة الوكيل على قرص لا يُعاد.
remedy-upload_refused = نُحّيت الدفعة جانبًا ويستمر الباقي. حدّث الأقدم من الوكيل والمركز، وأبلغ القائمين على البرنامج.
remedy-store_replaced = يُرسل ما لا يزال لدى الوكيل من جديد. إن لم يُستبدل المستودع عمدًا فاستعد نسخته الاحتياطية.

field-down_rate = الوارد إليها
field-up_rate = الصادر منها
field-down_packets = الحزم الواردة إليها
field-up_packets = الحزم الصادرة منها
field-cpu_busy = انشغال المعالجات
field-memory_used = الذاكرة المستخدمة
field-memory_total = الذاكرة الكلية
field-swap_used = ذاكرة المبادلة المستخدمة
field-sessions = المستخدمون المتصلون
field-booted_at = بدأ التشغيل
field-used = المستخدم
field-size = السعة
field-inodes_used = عقد inode المستخدمة
field-receive_rate = الاستقبال
field-transmit_rate = الإرسال
field-receive_packets = الحزم المستقبَلة
field-transmit_packets = الحزم المرسَلة
field-errors = الأخطاء
field-discards = الحزم المهملة
field-speed = السرعة الاسمية
field-up = تعمل
field-temperature = درجة الحرارة
field-voltage = الجهد
field-current = التيار
field-power = القدرة
field-frequency = التردد
field-humidity = الرطوبة
field-charge = الشحن
field-load = الحمل
field-runtime = الوقت المتبقي
field-fan = سرعة المروحة
field-status = رقم الحالة
field-rate = المعدل
field-rtt_p50 = وسيط RTT
field-rtt_p95 = المئين 95 لـ RTT
field-rtt_p99 = المئين 99 لـ RTT
field-rtt_min = أدنى RTT
field-rtt_max = أقصى RTT
field-jitter = التذبذب
field-loss = الفقد
field-down = مدة التوقف
field-observed = مدة الرصد
field-loss_forward = الفقد ذهابًا
field-loss_back = الفقد إيابًا
field-reflected = الاختبارات التي وصلت
field-lost_forward = اختبارات فُقدت ذهابًا
field-lost_back = اختبارات فُقدت إيابًا
field-undecided = فقد مجهول الاتجاه
field-delay_forward_min = أدنى تأخير ذهابًا
field-delay_forward_p50 = وسيط التأخير ذهابًا
field-delay_back_min = أدنى تأخير إيابًا
field-delay_back_p50 = وسيط التأخير إيابًا
field-delay_error = أقصى خطأ في التأخير
field-sent = المجسّات المرسلة
field-mos = جودة الكلام (MOS)
field-resident = الذاكرة المقيمة
field-spool_pending = الدفعات بالانتظار
field-spool_bytes = مخزن الانتظار على القرص
field-clock_offset = انحراف الساعة
field-answered = استجاب
field-duration = مدة الاستطلاع
field-requests = الطلبات
field-uptime = مدة التشغيل
field-interfaces = الواجهات
field-voided = زيادات أُسقطت
field-columns_failed = أعمدة لم تُقرأ إلى آخرها
field-snapshots = النسخ
field-newest_at = وقت أحدث نسخة
field-newest_bytes = حجم أحدث نسخة

duration-seconds =
    { $n ->
        [zero] 0 ثانية
        [one] ثانية واحدة
        [two] ثانيتان
        [few] { $n } ثوانٍ
        [many] { $n } ثانية
       *[other] { $n } ثانية
    }
duration-minutes =
    { $n ->
        [zero] 0 دقيقة
        [one] دقيقة واحدة
        [two] دقيقتان
        [few] { $n } دقائق
        [many] { $n } دقيقة
       *[other] { $n } دقيقة
    }
duration-hours =
    { $n ->
        [zero] 0 ساعة
        [one] ساعة واحدة
        [two] ساعتان
        [few] { $n } ساعات
        [many] { $n } ساعة
       *[other] { $n } ساعة
    }
duration-days =
    { $n ->
        [zero] 0 يوم
        [one] يوم واحد
        [two] يومان
        [few] { $n } أيام
        [many] { $n } يومًا
       *[other] { $n } يوم
    }
duration-two = { $first } و{ $second }

ago-seconds =
    { $n ->
        [zero] الآن
        [one] قبل ثانية
        [two] قبل ثانيتين
        [few] قبل { $n } ثوانٍ
        [many] قبل { $n } ثانية
       *[other] قبل { $n } ثانية
    }
ago-minutes =
    { $n ->
        [zero] الآن
        [one] قبل دقيقة
        [two] قبل دقيقتين
        [few] قبل { $n } دقائق
        [many] قبل { $n } دقيقة
       *[other] قبل { $n } دقيقة
    }
ago-hours =
    { $n ->
        [zero] الآن
        [one] قبل ساعة
        [two] قبل ساعتين
        [few] قبل { $n } ساعات
        [many] قبل { $n } ساعة
       *[other] قبل { $n } ساعة
    }
ago-days =
    { $n ->
        [zero] اليوم
        [one] قبل يوم
        [two] قبل يومين
        [few] قبل { $n } أيام
        [many] قبل { $n } يومًا
       *[other] قبل { $n } يوم
    }
in-seconds =
    { $n ->
        [zero] الآن
        [one] بعد ثانية
        [two] بعد ثانيتين
        [few] بعد { $n } ثوانٍ
        [many] بعد { $n } ثانية
       *[other] بعد { $n } ثانية
    }
in-minutes =
    { $n ->
        [zero] الآن
        [one] بعد دقيقة
        [two] بعد دقيقتين
        [few] بعد { $n } دقائق
        [many] بعد { $n } دقيقة
       *[other] بعد { $n } دقيقة
    }
in-hours =
    { $n ->
        [zero] الآن
        [one] بعد ساعة
        [two] بعد ساعتين
        [few] بعد { $n } ساعات
        [many] بعد { $n } ساعة
       *[other] بعد { $n } ساعة
    }
in-days =
    { $n ->
        [zero] اليوم
        [one] بعد يوم
        [two] بعد يومين
        [few] بعد { $n } أيام
        [many] بعد { $n } يومًا
       *[other] بعد { $n } يوم
    }

activity-primary = رئيسية
activity-backup = احتياطية تحمل الحركة
activity-standby = احتياطية بالانتظار

promise-kept = محقق
promise-broken = مُخَلّ به
promise-open = لا يمكن معرفته
promise-none = لا التزام

promise-text-kept = تحقق التوافر الملتزَم به مهما حدث حين لم يرصد أحد.
promise-text-broken = لم يتحقق التوافر الملتزَم به حتى لو عملت الوصلة كلما لم يرصدها أحد.
promise-text-open = تحقق التوافر الملتزَم به يتوقف على وقت لم يرصده أحد.
promise-text-none = لا يذكر الضبط توافرًا ملتزَمًا به.

occurrence-link_down_trap = يفيد الجهاز بأن وصلة تتوقف
occurrence-link_up_trap = يفيد الجهاز بأن وصلة عادت
occurrence-cold_start = يبدأ الجهاز من جديد، وربما بإعدادات أخرى
occurrence-warm_start = يبدأ الجهاز من جديد بإعداداته السابقة
occurrence-authentication_failure = سُئل الجهاز بكلمة مجتمع أو مفتاح خاطئ
occurrence-other_trap = يبلّغ الجهاز عن أمر
occurrence-traps_dropped = لم تُحفظ بعض بلاغات الجهاز واحدًا واحدًا
occurrence-unknown_station = المحطات المتحدثة على الشبكة الفرعية أكثر من عناوينها
occurrence-neighbour_changed = تغيّر الجار عند المنفذ أو غاب
occurrence-address_conflict = لمحطتين العنوان نفسه
occurrence-gone = اختفت من قائمة الجهاز الذي كان يعرضها
occurrence-activity_changed = تغيّر ما تفعله الوصلة
occurrence-takes-over = تتولى الحركة: من الانتظار إلى الاحتياط، فكل الوصلات الرئيسية بين موقعيها متوقفة
occurrence-waits-again = تعود إلى الانتظار بعد أن كانت تحمل الحركة احتياطًا
occurrence-stranger = محطة ليست في أي قائمة: { $mac } بالعنوان { $ip } على { $interface }
occurrence-strangers =
    { $count ->
        [zero] لا محطات أخرى خارج القوائم في { $site }
        [one] محطة أخرى ليست في أي قائمة، في { $site }
        [two] محطتان أخريان ليستا في أي قائمة، في { $site }
        [few] { $count } محطات أخرى ليست في أي قائمة، في { $site }
        [many] { $count } محطة أخرى ليست في أي قائمة، في { $site }
       *[other] { $count } محطة أخرى ليست في أي قائمة، في { $site }
    }
occurrence-crowd = عدد المحطات المتحدثة على الشبكة الفرعية { $subnet } أكبر من { $places }، وما زاد منها لا يُدرج
occurrence-conflict = يجيب كل من { $mac } و{ $other_mac } عن العنوان { $ip }
