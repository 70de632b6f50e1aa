# ما يظهر في الصفحات حول الأرقام.

wasl = وصل
skip = انتقل إلى المحتوى
nav-label = الصفحات
nav-overview = نظرة عامة
nav-links = الوصلات
nav-backups = النسخ الاحتياطية
nav-incidents = الأعطال
nav-agents = الوكلاء
nav-discovery = الاكتشاف
log-in = تسجيل الدخول
log-out = تسجيل الخروج
as-of = حتى الساعة
api = واجهة البرمجة
metrics = المقاييس
live-on = مباشر
live-lost = انقطع الاتصال: هذه الأرقام قديمة

summary = الخلاصة
headline-nothing = لا يُراقَب شيء بعد
headline-ok = كل شيء يعمل
headline-unknown =
    { $n ->
        [zero] لا عناصر مجهولة الحالة
        [one] عنصر واحد مجهول الحالة
        [two] عنصران مجهولا الحالة
        [few] { $n } عناصر مجهولة الحالة
        [many] { $n } عنصرًا مجهول الحالة
       *[other] { $n } عنصر مجهول الحالة
    }
headline-degraded =
    { $n ->
        [zero] لا عناصر متدهورة
        [one] عنصر واحد متدهور
        [two] عنصران متدهوران
        [few] { $n } عناصر متدهورة
        [many] { $n } عنصرًا متدهورًا
       *[other] { $n } عنصر متدهور
    }
headline-down =
    { $n ->
        [zero] لا عناصر متوقفة
        [one] عنصر واحد متوقف
        [two] عنصران متوقفان
        [few] { $n } عناصر متوقفة
        [many] { $n } عنصرًا متوقفًا
       *[other] { $n } عنصر متوقف
    }

notices = مطلوب إجراء
told-by = أبلغ عنه
cpu = المعالجات
processors =
    { $n ->
        [zero] دون معالجات
        [one] معالج واحد
        [two] معالجان
        [few] { $n } معالجات
        [many] { $n } معالجًا
       *[other] { $n } معالج
    }
memory = الذاكرة
swap = ذاكرة المبادلة
of = من
booted = بدأ التشغيل
sessions =
    { $n ->
        [zero] لا مستخدمين متصلين
        [one] مستخدم واحد متصل
        [two] مستخدمان متصلان
        [few] { $n } مستخدمين متصلين
        [many] { $n } مستخدمًا متصلًا
       *[other] { $n } مستخدم متصل
    }
batches =
    { $n ->
        [zero] لا دفعات
        [one] دفعة واحدة
        [two] دفعتان
        [few] { $n } دفعات
        [many] { $n } دفعة
       *[other] { $n } دفعة
    }
snapshots =
    { $n ->
        [zero] لا نسخ
        [one] نسخة واحدة
        [two] نسختان
        [few] { $n } نسخ
        [many] { $n } نسخة
       *[other] { $n } نسخة
    }
connected = متصل
not-looked = لم يُفحَص بعد
rtt-long = زمن الذهاب والإياب

col-target = الهدف
col-state = الحالة
col-rtt-p50 = وسيط RTT
col-p95 = المئين 95
col-loss = الفقد
col-jitter = التذبذب
col-hour = آخر ساعة
col-from = من
col-disk = القرص
col-used = المستخدم
col-fill = مستوى الامتلاء
col-free = المتاح
col-interface = الواجهة
col-receive = الاستقبال
col-transmit = الإرسال
col-speed = السرعة
col-errors = الأخطاء
col-discards = المهملة
col-agent = الوكيل
col-seen = آخر ظهور
col-spool = بالانتظار
col-clock = الساعة
col-certificate = انتهاء الشهادة
col-version = الإصدار
col-site = الموقع
col-role = الدور
col-job = المهمة
col-newest = الأحدث
col-snapshots = النسخ
col-proof = إثبات الاستعادة
col-outcome = آخر فحص

facts = بيانات
now = الآن
history = السجل الزمني
range = المدى الزمني
range-1h = ساعة
range-24h = 24 ساعة
range-7d = 7 أيام
range-30d = 30 يومًا
chart-needs-script = تحتاج الرسوم البيانية إلى JavaScript. الأرقام الحالية في الأعلى، والسجل متاح عبر واجهة البرمجة.
chart-empty = لم يُسجَّل شيء في هذا المدى.
chart-error = تعذّرت قراءة السجل. ستُعاد المحاولة.
stat-last = الأخير
stat-min = الأدنى
stat-mean = المتوسط
stat-max = الأقصى
stat-median = الوسيط
stat-p95 = 95 %
stat-worst-loss = أسوأ فقد
observes = ما يراقبه
observed-by = يراقبه
caused-by = بسبب
so-since = منذ
certificate-ends = انتهاء الشهادة
activity = النشاط
confidence = الثقة
parts = ما يتبعه
up-since = بدأ التشغيل
backups-lead = يُحكم عليها بما تحويه المستودعات. لا يُثبت النسخةَ إلا استعادةٌ قورنت بالأصل بايتًا ببايت.

incident = العطل
incidents-lead = لكل سبب عطل واحد، ومعه كل ما يتأثر به.
incidents-open = القائمة الآن
incidents-none = لا أعطال قائمة.
incidents-all = كل الأعطال
incidents-more =
    { $n ->
        [zero] ولا غيرها
        [one] وعطل آخر
        [two] وعطلان آخران
        [few] و{ $n } أعطال أخرى
        [many] و{ $n } عطلًا آخر
       *[other] و{ $n } عطل آخر
    }
incidents-ended = المنتهية حديثًا
incident-cause = السبب
incident-state = العطل
incident-goes-on = قائم
incident-over = منتهٍ
incident-began = البداية
incident-ended = النهاية
incident-duration = المدة
incident-suffers = ما يتأثر به
incident-suffered = ما تأثر به
incident-root-now = السبب الآن
incident-merged = ناتج عن
part-of = ضمن
affected =
    { $n ->
        [zero] لا يتأثر به غيره
        [one] يتأثر به عنصر واحد
        [two] يتأثر به عنصران
        [few] تتأثر به { $n } عناصر
        [many] يتأثر به { $n } عنصرًا
       *[other] يتأثر به { $n } عنصر
    }
affected-more =
    { $n ->
        [zero] ولا غيرها
        [one] وعنصر آخر
        [two] وعنصران آخران
        [few] و{ $n } عناصر أخرى
        [many] و{ $n } عنصرًا آخر
       *[other] و{ $n } عنصر آخر
    }
timeline = ما جرى
timeline-whole = السجل كاملًا
timeline-earlier =
    { $n ->
        [zero] لا أحداث أسبق
        [one] حدث واحد أسبق
        [two] حدثان أسبق
        [few] { $n } أحداث أسبق
        [many] { $n } حدثًا أسبق
       *[other] { $n } حدث أسبق
    }
timeline-omitted =
    { $n ->
        [zero] اتسع السجل لكل الأحداث
        [one] لم يتسع السجل لحدث واحد
        [two] لم يتسع السجل لحدثين
        [few] لم يتسع السجل لـ{ $n } أحداث
        [many] لم يتسع السجل لـ{ $n } حدثًا
       *[other] لم يتسع السجل لـ{ $n } حدث
    }
taken-by = تولّى أمره
not-taken = لم يتولَّ أحد أمره بعد
take-on = أتولّى أمره
take-note = ملاحظة للآخرين (اختيارية)
col-ended-by = كيف انتهى
col-suffered = المتأثر
maintenance = الصيانة
maintenance-none = لا صيانة جارية أو مخطط لها.
maintenance-under-way = جارية
maintenance-planned = مخطط لها
maintenance-over = انتهت
col-covers = ما تشمله
col-until = حتى
col-by = طلبها
col-why = السبب

discovery-lead = ما وجده الوكلاء دون أن يُطلب منهم بعينه. هو ما تقوله هذه الأجهزة عن نفسها، ولم يُثبت منه شيء.
strangers =
    { $n ->
        [zero] كل المحطات معروفة
        [one] محطة واحدة ليست في أي قائمة
        [two] محطتان ليستا في أي قائمة
        [few] { $n } محطات ليست في أي قائمة
        [many] { $n } محطة ليست في أي قائمة
       *[other] { $n } محطة ليست في أي قائمة
    }
finds-more =
    { $n ->
        [zero] لا مزيد
        [one] واحد آخر لم يتسع له المكان؛ الأمر ”wasl discovery“ يسرد الكل
        [two] اثنان آخران لم يتسع لهما المكان؛ الأمر ”wasl discovery“ يسرد الكل
        [few] { $n } أخرى لم يتسع لها المكان؛ الأمر ”wasl discovery“ يسرد الكل
        [many] { $n } أخرى لم يتسع لها المكان؛ الأمر ”wasl discovery“ يسرد الكل
       *[other] { $n } أخرى لم يتسع لها المكان؛ الأمر ”wasl discovery“ يسرد الكل
    }
known-no = ليس في أي قائمة
known-listed = في القائمة
col-known = معروف باسم
col-addresses = العناوين
col-first = أول مشاهدة
col-seen-by = شاهده
col-heard = سُمع عند
col-its-port = منفذه
col-managed-at = يدار عند
no-finds = لم يُعثر على شيء. يصغي الوكلاء إلى الجيران عند الواجهات تحت ”discovery: lldp“ ويسألون عن المحطات في الشبكات الفرعية تحت ”discovery: sweep“، إن سمّى الضبط شيئًا منها.
proposal = ضبط مقترح
proposal-lead = ما ليس معروفًا بعد، بصيغة ضبط. انظر في كل سطر أولًا. هذا الأمر يعرضه ويفحصه مع البقية ويكتبه بعد موافقتك:
proposal-text = ما سيكتبه
proposal-more =
    { $n ->
        [zero] لا مزيد من الأسطر
        [one] سطر آخر؛ الأمر ”wasl discovery --propose“ يطبع الكل
        [two] سطران آخران؛ الأمر ”wasl discovery --propose“ يطبع الكل
        [few] { $n } أسطر أخرى؛ الأمر ”wasl discovery --propose“ يطبع الكل
        [many] { $n } سطرًا آخر؛ الأمر ”wasl discovery --propose“ يطبع الكل
       *[other] { $n } سطر آخر؛ الأمر ”wasl discovery --propose“ يطبع الكل
    }

no-agents = لم ينضم أي وكيل بعد.
join-token = 1. هنا، أنشئ رمز انضمام للجهاز. يصلح مرة واحدة ولمدة محدودة:
join-agent = 2. على الجهاز، انضم بالرمز ثم شغّل الوكيل:
no-targets = لا أهداف مضبوطة. أضفها تحت ”targets“ في مجلد YAML، والأمر ”wasl check“ يخبرك إن كانت صحيحة.
no-devices = لا أجهزة مضبوطة. أضفها تحت ”devices“ في مجلد YAML، واذكر اسم السر بدل كلمة المرور.
no-backups = لا مهام نسخ مضبوطة. أضفها تحت ”backups“ في مجلد YAML، لوكيل يستطيع الوصول إلى المستودع.

login-name = الاسم
login-password = كلمة المرور
login-help = نسيتها؟ يستطيع مشغّل النظام ضبط كلمة مرور جديدة.
login-refused = الاسم أو كلمة المرور غير صحيحة.
login-too-many =
    { $n ->
        [zero] محاولات كثيرة. حاول مجددًا الآن.
        [one] محاولات كثيرة. حاول مجددًا بعد دقيقة.
        [two] محاولات كثيرة. حاول مجددًا بعد دقيقتين.
        [few] محاولات كثيرة. حاول مجددًا بعد { $n } دقائق.
        [many] محاولات كثيرة. حاول مجددًا بعد { $n } دقيقة.
       *[other] محاولات كثيرة. حاول مجددًا بعد { $n } دقيقة.
    }
login-expired = انتهت صلاحية هذا النموذج. سجّل الدخول من جديد.

error-title-400 = طلب غير مفهوم
error-title-401 = لم تسجّل الدخول
error-title-403 = لا تملك صلاحية هذا الإجراء
error-title-404 = لا شيء هنا
error-title-405 = لا يمكن فعل هذا هنا
error-title-413 = الحجم كبير جدًا
error-title-429 = طلبات كثيرة جدًا
error-title-500 = حدث خطأ في الخادم
error-title-503 = غير جاهز
error-todo-400 = عُد وتحقق مما أُدخل. إن كنت قد تبعت رابطًا فربما كان مبتورًا.
error-todo-401 = سجّل الدخول ثم حاول مجددًا.
error-todo-403 = دورك لا يشمله. يستطيع المدير تغيير الأدوار.
error-todo-404 = أُزيل أو غُيّر اسمه أو لم يُراقَب قط. النظرة العامة تعرض كل ما هو موجود.
error-todo-405 = عُد واستخدم أزرار الصفحة.
error-todo-413 = أرسل أقل في المرة الواحدة.
error-todo-429 = انتظر دقيقة ثم حاول مجددًا.
error-todo-500 = الخطأ ليس منك. حاول مجددًا، وإن تكرر ففي سجل الخادم تفاصيل تحت الرقم أدناه.
error-todo-503 = الخادم يبدأ التشغيل أو أن مخزن بياناته مشغول. حاول بعد ثوانٍ.
request-number = رقم الطلب
to-overview = إلى النظرة العامة

links-none = لا وصلات مضبوطة بعد
links-ok = كل الوصلات تعمل
links-unknown =
    { $n ->
        [zero] لا وصلات مجهولة الحالة
        [one] وصلة واحدة مجهولة الحالة
        [two] وصلتان مجهولتا الحالة
        [few] { $n } وصلات مجهولة الحالة
        [many] { $n } وصلة مجهولة الحالة
       *[other] { $n } وصلة مجهولة الحالة
    }
links-degraded =
    { $n ->
        [zero] لا وصلات متدهورة
        [one] وصلة واحدة متدهورة
        [two] وصلتان متدهورتان
        [few] { $n } وصلات متدهورة
        [many] { $n } وصلة متدهورة
       *[other] { $n } وصلة متدهورة
    }
links-down =
    { $n ->
        [zero] لا وصلات متوقفة
        [one] وصلة واحدة متوقفة
        [two] وصلتان متوقفتان
        [few] { $n } وصلات متوقفة
        [many] { $n } وصلة متوقفة
       *[other] { $n } وصلة متوقفة
    }
no-links = لا وصلات مضبوطة. أضفها تحت ‎“links”‎ في مجلد YAML: المكانان اللذان تصلهما، ومن يفحصها، وما يلتزم به المزوّد.
topology = صورة الوصلات
internet = الإنترنت
the-internet = الإنترنت
mos-long = تقدير جودة مكالمة هاتفية (ITU-T G.107، G.711): من 1 إلى 4.5
col-mos = MOS
col-throughput = الحركة
col-ends = الطرفان
directions = الاتجاهان
col-tests = يختبر
col-loss-there = الفقد ذهابًا
col-loss-back = الفقد إيابًا
col-delay-there = التأخير ذهابًا
col-delay-back = التأخير إيابًا
directions-no-delay = يُذكر تأخير الاتجاه الواحد حين تُعرف دقة الساعتين في الطرفين (chrony)؛ أما الفقد فلا يحتاج إلى ساعات.
towards = نحو { $place }
throughput-towards = الحركة نحو { $place }
ends-differ = الطرفان مختلفان
end-silent = صامت
ports-up = عاملة
ports-down = متوقفة
silent-for = صامت منذ { $time }
irregular-late = متأخرة
irregular-duplicates = مكررة
irregular-reordered = مخالفة للترتيب
irregular-forged = مزيفة
irregular-voided = ملغاة

contract-measured = الملتزَم به والمَقيس
col-what = البند
col-owed = الملتزَم به
col-now = الآن
col-month = الشهر
availability = التوافر
p95-short = المئين 95 للشهر
contracted = المشترى
col-probes = يفحص
col-p99 = المئين 99
via = عبر
rating-long = تقدير نقل مكالمة هاتفية (ITU-T G.107): حتى 93.2؛ فوق 80 يرضى المستخدمون
col-rating = R
smoke-of = زمن الذهاب والإياب والفقد كما يراهما
smoke-median = الوسيط
smoke-inner = حتى 95 %
smoke-outer = من الأدنى حتى 99 %
smoke-loss = فحوص مفقودة
months = الأشهر
col-promise = الالتزام
col-between = أسوأ حالة – أفضل حالة
col-observed-time = المرصود
col-outages = الانقطاعات
col-report = التقرير
so-far = حتى الآن
printable = للطباعة
changes = ما حدث
changes-none = لم يتغير شيء مؤخرًا.
event-late = (وصل الخبر متأخرًا)
change-gone = لم تعد تُتابَع
forecast-unasked = لا توقع: يلزم معدل مشترى وواجهة تبيّن الحركة.
forecast-too-little = لا يمكن بعد معرفة موعد الامتلاء: { $have } من { $need } يومًا على الأقل.
forecast-full = ساعة الذروة عند { $share }: الخط ممتلئ. يُعد ممتلئًا من 90 % فصاعدًا.
forecast-steady = ساعة الذروة عند { $share }؛ لا نمو ظاهرًا.
forecast-far = ساعة الذروة عند { $share }؛ تنمو لكنها لا تمتلئ خلال سنتين.
forecast-grows = ساعة الذروة عند { $share } وتنمو بمقدار { $growth } كل 30 يومًا؛ تمتلئ (90 %) في { $day } (بين { $from } و{ $until } بثقة 95 %).
forecast-never = أبعد مما يمكن معرفته
report-title = تقرير عن وصلة
report-not-over = الشهر لم ينته
r-owed = التوافر خارج الصيانة المخططة
r-best = أفضل حالة
r-worst = أسوأ حالة
r-all = مع الصيانة المخططة
r-promised = الملتزَم به
r-up = تعمل
r-down = متوقفة
r-unobserved = غير مرصودة
r-planned = صيانة مخططة
r-planned-down = التوقف خلالها
r-outages = الانقطاعات
r-no-outages = لم يحدث أي انقطاع.
r-open = يلامس وقتًا لم يُرصد وربما كان أطول.
r-placed = جُمع من متوسطات: طوله معلوم، لا موضعه خلالها، ولا أنه كان انقطاعًا واحدًا.
r-cut =
    { $n ->
        [zero] لا يُسرد أي انقطاع؛ والأزمنة أعلاه تشملها كلها.
        [one] لا يُسرد إلا الانقطاع الأول؛ والأزمنة أعلاه تشملها كلها.
        [two] لا يُسرد إلا أول انقطاعين؛ والأزمنة أعلاه تشملها كلها.
        [few] لا تُسرد إلا أول { $n } انقطاعات؛ والأزمنة أعلاه تشملها كلها.
        [many] لا يُسرد إلا أول { $n } انقطاعًا؛ والأزمنة أعلاه تشملها كلها.
       *[other] لا يُسرد إلا أول { $n } انقطاع؛ والأزمنة أعلاه تشملها كلها.
    }
col-number = الرقم
col-note = ملاحظة
r-quality = الفقد وأزمنة الذهاب والإياب
col-measured-by = القائس
r-expected = الفحوص المتوقعة
r-decided = المحسومة
r-lost = المفقودة
r-loss-between = مجال 95 %
r-jitter = التذبذب وسيط / 95 %
r-all-ends = كل الأطراف
r-carried = ما نُقل
r-shares = ما استخدمته كل مؤسسة
r-due = حصتها
r-bytes = البايتات المنقولة
col-share = المؤسسة
r-direction = الاتجاه
r-p95 = المئين 95
r-share = الحصة
r-averages = المتوسطات / المتوقع
r-contract = ما ينص عليه العقد
r-method = كيف قيس
r-made = أُعد في
r-made-by = بطلب من
r-made-unnamed = بطلب من شخص على جهاز المتحكم نفسه
m-probes = يرسل كل طرف فحوصًا (ICMP echo، أو TCP connect حيث لا يُسمح بـ ICMP) وينتظر الرد. الزمن بين فحصين هو
m-class = الصنف
m-window = يُحسب معًا ما أُرسل في نافذة وما عاد منه. طول النافذة هو
m-any-way = بأي طريق
m-clock = انحراف الساعة
m-down = تُعد الوصلة متوقفة ما دام كاشف كل طرف يرصدها يعدّها متوقفة: من أول فحص بلا رد إلى أول رد، وكلاهما معلوم بدقة المدة بين فحصين. وما ينتهي قبل أن يتيقن الكاشف، ويلزمه ثمانية فحوص متتالية بلا رد على الأقل وبضع ثوان على الأكثر، لا يُعد انقطاعًا ويُحسب فقده ضمن الفقد. يحكم كل طرف لنفسه: ما رُد عليه فقد عبر في الاتجاهين.
m-gaps = الوقت الذي لا نوافذ فيه غير مرصود ولا يُعد عملًا ولا توقفًا. تعدّه أفضل حالة عملًا وأسوأ حالة توقفًا، وتأخذ كل منهما لجانبها ما تتركه المتوسطات موضع شك. لا يُعد الالتزام محققًا إلا إذا تحقق في أسوأ حالة، ولا مُخلًّا به إلا إذا لم يتحقق في أفضل حالة.
m-resolution = على كل الأطراف،
m-from-windows = تستند إلى نوافذ كما قيست
m-from-means = إلى متوسطات خمس دقائق أو أطول لأن النوافذ لا تُحفظ إلى الأبد؛ وهي تبيّن كم توقفت الوصلة كما رآها كل طرف، لا متى كان ذلك خلالها؛ وحيث يرصد طرفان تُعد متوقفة بقدر ما يمكن أن يشتركا فيه.
m-hidden = توقف قد تخفيه المتوسطات وتشمله أسوأ حالة:
m-doubtful = وقت يُعد توقفًا وتتركه المتوسطات موضع شك، ولا تشمله أفضل حالة:
m-by-loss = وقت لم يقل فيه أي كاشف شيئًا، فلا تُعد متوقفة فيه إلا نوافذ ومتوسطات فُقدت كل فحوصها:
m-damaged =
    { $n ->
        [zero] لا كتل تالفة.
        [one] كتلة محفوظة واحدة تالفة وناقصة.
        [two] كتلتان محفوظتان تالفتان وناقصتان.
        [few] { $n } كتل محفوظة تالفة وناقصة.
        [many] { $n } كتلة محفوظة تالفة وناقصة.
       *[other] { $n } كتلة محفوظة تالفة وناقصة.
    }
m-loss = الفقد هو حصة الفحوص المحسومة التي لم يُرد عليها في الوقت. مجال 95 % هو مجال ويلسون لفقد مستقل؛ والفقد يأتي دفعات، فالحقيقة أوسع قليلًا.
m-times = تُجمع أزمنة الذهاب والإياب من أدنى كل نافذة ووسيطها ومئينيها 95 و99 وأقصاها؛ ومئينات الشهر ضمن بضعة بالمئة من مئينات كل الأزمنة المفردة. التذبذب هو متوسط الفرق بين أزمنة متتالية في نافذة (وفق RFC 3550). ودرجة الجودة تقدير وفق ITU-T G.107 لترميز G.711.
m-carried = تُؤخذ متوسطات الحركة لكل خمس دقائق؛ ويُترك أعلى 5 % من متوسطات الشهر، والذي يليها هو المئين 95، كما تُفوتر الخطوط. لا تُختلق متوسطات ناقصة.
m-planned = الصيانة المخططة هي ما أُعلن هنا للوصلة أو لمكانها. ويُترك وقتها من الجانبين في التوافر الذي يُقارن بالالتزام.
m-promises = لا يُعد الالتزام بالفقد محققًا أو مُخلًّا به إلا إذا وقع مجال 95 % كله في ذلك الجانب من الحد؛ ولا بوسيط زمن الذهاب والإياب والتذبذب إلا إذا بعُدا عنه أكثر من 5 %. والثلاثة عمّا قيس.

not-counted = لا يُحصى لمن حركة هذا الخط:
shares = من يتشارك الخط
shares-counted = يُحصيها { $agent } عند { $interface }
col-institution = المؤسسة
col-share-of = الحصة
col-uses-down = المستخدم من الوارد
col-uses-up = المستخدم من الصادر
of-share = { $share } من حصتها
of-line = { $share } من الخط
talkers = الأكثر استخدامًا له
talkers-seen =
    { $n ->
        [zero] لا عناوين خلال { $time }
        [one] عنوان واحد خلال { $time }
        [two] عنوانان خلال { $time }
        [few] { $n } عناوين خلال { $time }
        [many] { $n } عنوانًا خلال { $time }
       *[other] { $n } عنوان خلال { $time }
    }
talkers-crowded = العناوين العاملة أكثر مما تُحصيه البوابة، فقد ينقص منها عنوان.
talkers-none = لم يُحصَ شيء مؤخرًا.
col-address = العنوان
col-down = الوارد
col-up = الصادر
