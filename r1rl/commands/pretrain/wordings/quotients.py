"""Exact divisions: equal shares, numbers of groups, prices, rates, averages, fractions and percents."""

from r1rl.commands.pretrain.wordings.relation import Relation, lines

RELATIONS = (
    # a things for b people: the share of one
    Relation(
        ("a / b",),
        {"a": (11, 120), "b": (2, 10)},
        lines("""
        {n} [shares|divides|splits] {a} {ts} [equally|evenly|fairly] among {b} [friends|children|cousins|neighbors]. How many {ts} does each [one|of them|] get?
        {b} [children|friends|kids] share {a} {ts} [equally|so that each gets the same number|fairly]. [How many does each get?|How many {ts} are there for each?]
        [How many {ts}|What number of {ts}] does each person get if {a} {ts} are [shared equally|divided evenly] among {b} people?
        I have {a} [sweets|candies|gummy bears] for {b} [kids|children]. How many can [I give each kid|each kid have] if all get the same?
        If {b} [pirates|sailors] share {a} gold coins [equally|evenly], how many [coins|] does each [man|one|of them] get?
        [Grandma|My aunt|The old lady] baked {a} cookies and [gave|handed] them to her {b} grandchildren in equal [shares|parts]. How many cookies did each grandchild [get|receive]?
        The teacher [hands out|passes out|gives] {a} [pencils|crayons|worksheets] to {b} students, and every student gets the same number. How many is that for each student?
        {b} of us [found|picked|collected] {a} [shells|walnuts|mushrooms] and shared them [equally|fairly]. How many did I get?
        {a} [cards|playing cards] are dealt to {b} players [so that all have the same number|evenly]. How many cards does each player [hold|have]?
        There are {b} [dogs|puppies|cats] and {a} [treats|biscuits|snacks]. Each [animal|one] gets [the same number|equally many]. How many does one get?
        {n} wants to give {a} {ts} to {b} [people|classmates] so that [everyone gets the same|nobody gets more than another]. How many {ts} [should {he} give|does {he} give] to each?
        A zookeeper [feeds|gives] {b} monkeys {a} bananas in all. Every monkey gets the same. How many bananas does one monkey [eat|get]?
        We were {b} [people|guests] and ate {a} [slices of pizza|pancakes|dumplings], all of us the same number. How many did each [of us|person] eat?
        {b} [workers|gardeners|helpers] planted {a} [trees|bushes|tulips] together, each the same number. How many did [each of them|one worker|each one] plant?
        {a} [balloons|paper hats|whistles] [were|are] divided equally between {b} [party guests|guests]. Find the number [for each guest|that one guest got].
        {a} {ts}, {b} [friends|people], equal shares. How many [{ts} |]each?
        [Work out|Calculate|Find] how many {ts} each of {b} [sisters|brothers|students] gets when they share {a} [of them|] equally.
        Suppose you have {a} {ts} and {b} friends, and you give all the {ts} away in equal shares. How many does each friend get?
        My [mother|dad|uncle] has {a} [grapes|cherries|nuts]. We are {b} children and all get the same. How many do I get?
        {n} and {his} friends are {b} people in all. They share {a} {ts} [equally|evenly]. How many {ts} does {n} get?
        [The coach|The trainer] brought {a} [bottles of water|orange slices|balls], [exactly|] enough for {b} players to have the same number. How many did each player have?
        {a} [acorns|nuts] were hidden by {b} squirrels. Each squirrel hid the same number. How many did each hide?
        There were {a} [math problems|exercises] to do, and {b} students split the work evenly. How many [problems|exercises|] did each student [do|have to do]?
        {b} [hens|ducks] laid {a} eggs this month, each [hen|bird] the same number. How many eggs did [each|one] lay?
        [The|All] {a} [chores|jobs] on the list are shared equally by {b} [roommates|children]. How many [chores|jobs] must each do?
    """),
    ),
    # a things in b containers: the content of one
    Relation(
        ("a / b",),
        {"a": (11, 120), "b": (2, 10)},
        lines("""
        {n} [puts|packs|places] {a} {ts} into {b} {cs} [equally|with the same number in each|so that all {cs} hold the same]. How many {ts} [are|go] in each {c}?
        There are {a} {ts} in {b} {cs}. [Each {c} has|All {cs} have] the same number [of {ts}|]. How many {ts} are in [one|each|a] {c}?
        If {a} {ts} are [spread|divided|split] evenly over {b} {cs}, how many [{ts} |]are in each [{c}|]?
        {a} {ts} [fill|make up] {b} equal {cs}. How many {ts} per {c}?
        [A farmer|The farmer|My uncle] put {a} eggs into {b} [cartons|baskets|trays]. Every one [got|held] the same number. How many eggs were in each?
        {a} chairs [stand|were set up] in {b} [equal rows|rows of the same length]. How many chairs are in [each|one|a] row?
        The [librarian|library] has {a} books on {b} shelves, the same number on [every shelf|each]. How many books does [a|one|each] shelf hold?
        {a} children [are put|were divided|get split] into {b} [equal teams|teams of the same size|equal groups]. How many children are [in each|on one] team?
        [At the wedding|At the party|In the restaurant], {a} guests sit at {b} tables with the same number at each. How many guests [sit at one table|are at each table]?
        {n} planted {a} [tulips|carrots|bean plants] in {b} [equal rows|even rows]. How many [plants|] are there in each row?
        How many [fish|frogs|turtles] are in each tank if {a} live in {b} tanks with the same number in each?
        A parking lot has {b} rows with room for {a} cars in all. The rows are equal. How many cars [fit in a row|can park in one row]?
        {n} has {a} [photos|stamps|stickers] and an album with {b} pages. {he} puts the same number on every page. How many [go on each page|are on one page]?
        {b} [buses|vans|boats] [took|carried|brought] {a} [people|pupils|tourists], the same number [in each|each]. How many people were in one?
        I put {a} [flowers|roses|daisies] in {b} vases, the same in each. How many in one vase?
        {a} {ts} in {b} equal {cs}: how many in one [{c}|]?
        [Find|Tell me|Work out] the number of {ts} in each {c} if {b} equal {cs} [hold|contain] {a} {ts}.
        {b} identical {cs} [contain|hold] {a} {ts} [altogether|in total|in all]. How many {ts} does one {c} [contain|hold]?
        A building has {a} windows on {b} floors, and every floor has the same number. How many windows [are on one floor|does each floor have]?
        {a} liters of [juice|milk|oil] [are|were] poured equally into {b} [tanks|barrels|cans]. How many liters are in each?
        {b} [bags|sacks] of [rice|potatoes|cement] weigh {a} kilograms [together|in all]. All [bags|sacks] are alike. How much does [one|each] weigh?
        There are {b} [train cars|wagons] in a train with {a} seats. Each has the same number of seats. How many seats are in one?
        The [choir|band] has {a} members standing in {b} equal lines. How many members stand in each line?
        {a} [birds|sparrows] sit on {b} [branches|wires], equally many on each. How many [birds|sparrows] are on one?
        [Mr. Brown|Mrs. Green|Our teacher] arranged {a} desks in {b} columns of the same length. What is the number of desks in [each|one|a] column?
    """),
    ),
    # a things, b in a group: the number of groups
    Relation(
        ("a / b",),
        {"a": (12, 120), "b": (2, 10)},
        lines("""
        {n} has {a} {ts} and [puts|packs] {b} in each {c}. How many {cs} [does {he} need|does {he} fill|are there]?
        {n} [packs|sorts|arranges] {a} {ts} into {cs} of {b}. How many {cs} [is that|does {he} get|does {he} have]?
        How many {cs} [of {b} {ts} can be made|with {b} {ts} each can you fill] from {a} {ts}?
        [A|One|Each] {c} [holds|takes] {b} {ts}. How many {cs} [do you need|are needed] for {a} {ts}?
        If [a|each] {c} holds {b} {ts}, how many {cs} will {n} need for {a} {ts}?
        Each [car|taxi] [takes|carries|seats] {b} people. How many are needed for {a} people?
        A taxi [takes|seats] {b} [passengers|guests]. How many taxis [are needed|must we call] for {a}?
        {a} [students|people|campers] [go|want to go] on a trip in [vans|boats|cars] that hold {b} each. How many [do they need|are needed]?
        {b} people can sit at [a|one|each] table. How many tables [are needed for|must be set for] {a} guests?
        I have {a} eggs. {b} fit in a box. How many boxes do I need?
        A [baker|bakery] made {a} [rolls|buns|muffins] and sells them in bags of {b}. How many bags can be [filled|sold|made]?
        {n} [picked|cut] {a} [flowers|roses|tulips] and made [bunches|bouquets] of {b}. How many [did {he} make|of them did {he} make]?
        The class of {a} [children|pupils] [works|plays] in groups of {b}. How many groups are there?
        {a} players, {b} on [a|each] team. How many teams?
        {n} gives {b} {ts} to each of {his} friends and uses up all {a} {ts}. How many friends [got {ts}|are there]?
        [A jacket|A shirt|A coat] needs {b} buttons. How many can be [made|finished|sewn] with {a} buttons?
        {n} uses {b} [eggs|lemons|apples] for [one|each|a] cake. How many cakes can {he} bake with {a}?
        It takes {b} [beads|pearls] to make a bracelet. With {a} of them, how many bracelets can {n} make?
        There are {a} photos [to go|that go] in an album, {b} on each page. How many pages [will be full|are used|does that take]?
        Each page has [room|space] for {b} [stickers|stamps|pictures]. How many pages does {n} need for {a}?
        An elevator lifts {b} people at a time. How many trips [does it make|are needed] for {a} people?
        {n} can carry {b} [bricks|logs|plates|books] at a time. How many trips does {he} need to move {a}?
        A bug has {b} spots, and all bugs in the garden are alike. [Together they have|In all you can see] {a} spots. How many bugs are there?
        How many times can {n} take {b} {ts} [from|out of] a pile of {a} until none are left?
        {a} {ts} [were|are] tied together in bundles of {b}. [How many bundles were made?|How many bundles is that?|Find the number of bundles.]
        Each child [got|received|was given] {b} [balloons|sweets|apples], and {a} were given out [in all|altogether|]. How many children were there?
        [Our|The] dog eats {b} biscuits a day. [How many days|For how many days] will {a} biscuits last?
        {n} [takes|swallows] {b} pills [a|each|every] day. {he} has {a} pills. How many days will they last?
        You have {a} chairs and put {b} in [a|every|each] row. How many rows [do you get|are there]?
        [Calculate|Find|Tell me] how many {cs} there are if {a} {ts} lie in {cs} of {b}.
        {a} soldiers march in rows of {b}. How many rows do they form?
        {n} pours {a} liters of [juice|water|milk] into [jugs|cans|buckets] of {b} liters. How many does {he} fill?
        A team scores {b} points with each [throw|goal|shot]. How many did it take to reach {a} points?
        {n} scored {a} points in a game where every hit counts {b}. How many hits did {he} have?
    """),
    ),
    # money: what one costs, how many can be bought, what each pays
    Relation(
        ("a / b",),
        {"a": (12, 160), "b": (2, 11)},
        lines("""
        {b} {ts} cost ${a}. [How much does one {t} cost?|What is the price of one {t}?|What does one cost?]
        {n} [paid|spent|gave] ${a} for {b} {ts} [of the same price|that cost the same|]. How much did [each|one|each {t}] cost?
        {n} [buys|bought] {b} [tickets|books|shirts|pizzas] for {a} dollars [in all|altogether|]. What is the price of one?
        If {b} [pens|notebooks|sandwiches] cost {a} [dollars|euros|cents], what does one [cost|of them cost]?
        One {t} costs ${b}. How many {ts} can {n} buy [with|for] ${a}?
        {n} has ${a}. [A {t} is|Each {t} costs|The price of a {t} is] ${b}. How many {ts} can {he} [buy|get|afford]?
        How many {b} dollar [tickets|toys|books|lunches] can you buy with {a} dollars?
        I have {a} [dollars|euros]. A [sandwich|burger|coffee|ticket] costs {b}. How many can I buy?
        [Tickets|Rides|Pies] are ${b} each. {n} [spent|paid] ${a} on them. How many did {he} [buy|get]?
        {b} friends [split|share] a [bill|restaurant bill|dinner bill] of ${a} [equally|evenly]. How much does each [pay|friend pay|have to pay]?
        The [dinner|meal|taxi ride] cost ${a}, and {b} people [shared the cost equally|split it evenly]. What did each [person|one] pay?
        A present for the teacher costs ${a}. {b} [students|children] pay for it [equally|in equal parts]. [How much must each pay?|What does each one pay?]
        The rent [of the flat|of the house|] is ${a} a week, split evenly by {b} roommates. How much does [each|one roommate] pay?
        The shop [took in|earned|made] ${a} by selling [candles|mugs|lamps] at ${b} each. How many were sold?
        {n} sold [lemonade|cookies|bracelets] for ${b} each and [made|earned|got] ${a}. How many did {he} sell?
        {n} [saves|puts away] ${b} [a|each|every] week. [How many weeks|How long in weeks] will it take {him} to save ${a}?
        A [bike|game|phone|guitar] costs ${a}. {n} saves ${b} a week. [After how many weeks can {he} buy it?|How many weeks must {he} save?]
        {n} needs ${a} for a [trip|camera|drum] and puts away ${b} each month. How many months does that take?
        {n} pays back a debt of ${a} in {b} equal payments. How much is [each|one] payment?
        A family of {b} paid ${a} to enter the [zoo|museum|fair]. Everyone paid the same. How much was [one ticket|a ticket|each ticket]?
        How much is one kilogram of [apples|cheese|meat] if {b} kilograms cost ${a}?
        {b} pounds of [nuts|fish|grapes] cost ${a}. What does one pound cost?
        ${a} is shared by {b} winners in equal [parts|shares]. What does each winner [get|receive]?
        A pack of {b} [batteries|sodas|socks] costs {a} cents. How many cents is that for each?
        [What's|What is] the price of one {t} if you pay ${a} for {b}?
        {n} spent ${a} in {b} days, the same every day. How much did {he} spend [a day|each day|per day]?
        I paid ${a} for {b} {ts}. How much was each?
        Suppose {b} [movie tickets|train tickets] cost ${a}. What would one [cost|be]?
        [The charity|The school|The club] [collected|raised] ${a} from {b} people who all gave the same. How much did each give?
    """),
    ),
    # work and rates
    Relation(
        ("a / b",),
        {"a": (12, 160), "b": (2, 10)},
        lines("""
        {n} [earns|makes|gets] ${a} for {b} hours of work. How much does {he} [earn|make|get] [per|an|in one] hour?
        {n} worked {b} hours and [was paid|earned|got] ${a}. What is {his} pay [per hour|for one hour|for each hour]?
        {n} earns ${b} an hour. How many hours [must {he} work|does {he} have to work|does {he} need] to earn ${a}?
        [A babysitter|A waiter|A painter] who gets ${b} per hour was paid ${a}. [For how many hours?|How many hours did the work take?]
        {n} [read|has read] {a} pages in {b} days, the same number [every|each] day. How many pages did {he} read [per|a|each] day?
        {n} reads {b} pages [a|each|every] day. [How many days|How long in days] does {he} need for a book [of|with] {a} pages?
        A book has {a} pages. {n} reads {b} pages [a|per|each] day. [In how many days|After how many days] will {he} finish it?
        My book has {a} pages and I want to finish it in {b} days. How many pages should I read [a|each|every] day?
        A [factory|workshop|machine] makes {a} {ts} in {b} hours. How many {ts} [does it make|is that] [per|in one|in an] hour?
        A machine [makes|packs] {b} [bottles|toys|boxes] [a|per|in one] minute. How many minutes does it need for {a}?
        {n} [types|writes] {a} lines in {b} minutes. How many lines does {he} [type|write] in one minute, at [an even|a steady] speed?
        A [tap|pump|hose] fills a tank of {a} liters in {b} minutes. How many liters [flow|come] [per|in each|in a] minute?
        A [leaky tap|broken pipe] loses {b} liters [of water|] an hour. How many hours does it take to lose {a} liters?
        {n} [walks|jogs|cycles] {a} kilometers in {b} days, the same distance each day. How far does {he} go [each|in one|every] day?
        A [car|train|bus|truck] [travels|drives|goes|covers] {a} [miles|kilometers] in {b} hours. [How far does it go in one hour?|How many is that per hour?|What is its speed per hour?]
        A [cyclist|boat|runner|ship] goes {b} miles [per|an|each] hour. How many hours [does it take to go|are needed for] {a} miles?
        [A|The] [bus|tram|tractor] drives at {b} kilometers an hour. After how many hours has it gone {a} kilometers?
        [How long|How many hours] does {n} need [for|to walk] {a} kilometers at {b} kilometers per hour?
        A car [uses|needs] {a} liters of gas for {b} [equal trips|trips of the same length]. How many liters [does it use|is that] per trip?
        A car goes {a} miles on {b} gallons of gas. How many miles does it go on [one|a] gallon?
        A snail crawls {b} centimeters [a|each|per] minute. How many minutes does it take for {a} centimeters?
        An ant walks {b} feet a minute. How [long, in minutes,|many minutes] does it need for {a} feet?
        {n} does {a} [push-ups|jumps|sit-ups] in {b} equal rounds. How many [in one round|does {he} do in each round|per round]?
        {n} [sent|got|wrote] {a} messages in {b} days, the same number every day. How many [messages |]was that [a|per] day?
        A [plant|sunflower|tree] [grew|grows] {a} centimeters in {b} weeks, the same each week. How much [did|does] it grow in one week?
        A candle burns down {b} [centimeters|cm] an hour. It is {a} [centimeters|cm] [tall|long|high]. After how many hours is it gone?
        {n} must learn {a} words and learns {b} [a|each|per] day. [How many days does {he} need?|How many days will that take?|For how many days must {he} learn?]
        [One cow|Our cow] gave {a} liters of milk in {b} days. How many liters [a|per|each] day, if it was the same every day?
        [The herd|A horse|An elephant] eats {b} bales of hay [a|each|every] week. How many weeks will {a} bales last?
        {n} [washes|cleans|paints] {b} windows in an hour. How many hours does {he} need for {a} windows?
        {n} scored {a} points in {b} games, equally many in each. How many points [per|in each|in one] game?
        A [swimmer|runner] did {b} equal laps, [in all|altogether] {a} [meters|yards]. How long is one lap?
    """),
    ),
    # equal parts of lengths and times, averages
    Relation(
        ("a / b",),
        {"a": (12, 160), "b": (2, 9)},
        lines("""
        {n} cuts a [rope|ribbon|string|wire] of {a} [meters|centimeters|feet|inches] into {b} equal [pieces|parts]. How long is [each|one|each piece]?
        A [rope|board|pipe|stick] is {a} inches long. {n} [cuts|saws] it into [pieces|parts] of {b} inches. How many [pieces|parts] does {he} get?
        {n} has {a} feet of [ribbon|wire|string] and cuts off {b} feet at a time. How many pieces [are there in the end|does {he} get]?
        How many pieces of {b} meters can be cut from a [rope|cable|hose] of {a} meters?
        If you [cut|saw] a {a} cm [plank|ribbon|board] into {b} equal pieces, how long is each piece?
        A road of {a} kilometers is [built|repaired|cleaned] in {b} equal [parts|sections]. How many kilometers long is one [part|section]?
        A [loaf|cake|cheese] of {a} ounces is cut into {b} equal pieces. How heavy is each [piece|one]?
        The [average|mean] of {b} numbers is wanted. Their sum is {a}. What is the [average|mean]?
        {n} scored {a} points [in|over] {b} games. What was {his} average [per game|score|number of points]?
        {b} children weigh {a} kilograms [together|in all]. What is their average weight?
        {b} tests gave {n} {a} points in total. Find {his} average [per test|score].
        It rained {a} [millimeters|mm] in {b} days. How much is that [on average per day|per day on average]?
        The ages of {b} [cousins|people|friends] add up to {a}. [What is their average age?|How old are they on average?]
        A [shop|market stall] sold {a} {ts} in {b} days. How many [{ts} |]was that on average [a|per|each] day?
        A lesson plan of {a} minutes has {b} [parts|tasks] of equal length. How many minutes [is each|does one last|long is one]?
        {b} songs of the same length last {a} minutes. How long is one song?
        {n} has {a} minutes for {b} [tasks|questions|exams], the same time for each. How many minutes [is that|per task|for each one]?
        A wall is {a} feet long. It is made of [panels|boards|blocks] that are {b} feet long. How many [are there|were used|does it have]?
        A stair climb of {a} steps has {b} equal flights. How many steps are in one flight?
        {n} climbs {a} steps, {b} at a time. How many [jumps|strides|moves] does {he} need?
    """),
    ),
    # small numbers, as typed by somebody who tries it out
    Relation(
        ("a / b",),
        {"a": (6, 48), "b": (2, 5)},
        lines("""
        I have {a} {ts} and {b} {cs}. How many [{ts} |]go in each [{c}|] if I split them evenly?
        {a} apples, {b} kids. How many each?
        {b} [kids|people|friends], {a} [slices|cookies|candies]. How many does each one get?
        We have {a} [slices of pizza|cupcakes|tacos] and [we are|there are] {b} [people|of us]. How many can each one [eat|have]?
        How many [bags|boxes] do I need for {a} [apples|toys|books] if {b} fit in one?
        I bought {b} [pens|coffees|sodas] for ${a}. What did one cost?
        A [coffee|pen|ticket] is ${b}. I have ${a}. How many can I get?
        I need {a} [eggs|rolls|bottles]. They are sold in packs of {b}. How many packs should I buy?
        I [make|earn] ${b} an hour and want ${a}. How many hours should I work?
        My dog eats {b} [cans|bowls] of food a day. I have {a}. How many days is that enough for?
        I do {b} [exercises|lessons] of the same length in {a} minutes. How many minutes for one?
        You have {a} [coins|marbles|cards]. You put them in piles of {b}. How many piles do you have?
        You [cut|share] {a} [brownies|pieces of fruit] between {b} plates, the same on each. How many are on a plate?
        {b} [cats|dogs|birds] eat {a} cans of food, each the same. How many does one eat?
        {n} gives {his} {b} [cats|rabbits|hens] {a} [carrots|seeds|treats] in equal parts. How many does each get?
        Each child wants {b} [turns|rides|tries]. There are {a} in all. For how many children is that enough?
        A [boat|car|tent] has room for {b}. How many [of them |]do {a} people need?
        {n} drinks {b} glasses of water a day. In how many days does {he} drink {a} glasses?
        A [plant|flower|tree] needs {b} cups of water. I have {a} cups. How many can I water?
        A [bear|doll|robot] is made of {b} parts. There are {a} parts [in the {p}|on the table]. How many can be made?
    """),
    ),
    # the question first, orders, long stories
    Relation(
        ("a / b",),
        {"a": (12, 150), "b": (2, 12)},
        lines("""
        How many {cs} does {n} need if {he} wants to put {a} {ts} away and only {b} fit in a {c}?
        How many {ts} would each of {b} people get if {n} gave away {a} in equal shares?
        How much must each of {b} [partners|sisters|players] pay when the bill is ${a} and all pay the same?
        How many days will {n} need to [paint|make|sell] {a} {ts} if {he} does {b} a day?
        How long will a supply of {a} [cans|bottles|logs] last, in days, if {b} are used each day?
        How many [classes|groups] of {b} can be formed from {a} [new students|children]?
        How many [rows|lines] of {b} [trees|chairs|tiles] can be made with {a}?
        How much does one [brick|book|bag] weigh if {b} of them weigh {a} kilograms?
        What is the [length|size] of each part when {a} meters are divided into {b} equal parts?
        When {a} {ts} are laid out in {b} equal rows, how many are in a row?
        To make one [necklace|chain|kite], {n} uses {b} {ts}. [How many of these|How many] can {he} make from {a} {ts}?
        For the school [play|concert|fair], {a} chairs must be set up in the hall, and the principal wants exactly {b} rows that are all equally long. How many chairs will be in every row?
        The harvest was good this year. {n} filled {b} crates with {a} [pumpkins|melons|cabbages], and every crate held just as many as the others. How many were in a crate?
        {n} is making party bags for {his} birthday. {he} has bought {a} [little toys|sweets|stickers] and wants to put {b} of them into every bag. How many bags can {he} make?
        A hiking group wants to cover {a} kilometers and decides to walk {b} kilometers every day. How many days will the hike take?
        The [library|museum|theater] let in {a} visitors in groups of {b}. How many groups went in?
        During the summer {n} mowed {b} lawns and earned ${a}, the same for each lawn. How much was {he} paid for one?
        {n} downloaded {a} [photos|songs|files] at a rate of {b} [per|a] minute. How many minutes did it take?
        A [heater|lamp|stove] uses {b} units of gas an hour. How many hours can it run on {a} units?
        {a} pages must be printed, and the printer prints {b} pages a minute. How many minutes does it take?
        {n} must deliver {a} [letters|newspapers|parcels] to {b} streets, the same number in each. How many go to [one|each] street?
        A ladder [goes up|is] {a} feet high, and its rungs divide it into {b} equal [steps|gaps]. How many feet is each?
        Find how many [tables|benches] for {b} people must be rented for {a} guests.
        Tell me how many [weeks|months] it takes to save ${a} with ${b} each time.
        {ts} are sold in {cs} of {b}. {n} needs {a}. How many {cs} should {he} buy?
        The {p} has {b} {cs}. {n} spreads {a} {ts} evenly over [them|the {cs}]. How many {ts} does each {c} get?
        In each {c} there are {b} {ts}, and in all the {cs} together {a}. How many {cs} are there?
        {n} lost {a} pounds in {b} weeks, the same each week. How many pounds a week is that?
    """),
    ),
    # ages
    Relation(
        ("a / b",),
        {"a": (12, 96), "b": (2, 10)},
        lines("""
        {n} is {a} years old and {his} [son|daughter|niece|dog] is {b}. How many times as old is {n}?
        {n} is {b} times as old as {o}. {n} is {a} [years old|]. How old is {o}?
        {n} is {a} [years old|]. That is {b} times {his} [daughter|son|nephew]'s age. How old is the [child|young one]?
        My [grandmother|teacher|uncle] is {a}, {b} times as old as I am. How old am I?
        The oak is {a} years old, {b} times as old as the [birch|apple tree]. [How old is the younger tree?|Find the age of the younger tree.]
    """),
    ),
    # how many times as many
    Relation(
        ("a / b",),
        {"a": (12, 150), "b": (2, 11)},
        lines("""
        {n} has {a} {ts}. {o} has {b} {ts}. How many times as many {ts} does {n} have [as {o}|]?
        {n} has {a} {ts} and {o} has {b}. {n} has how many times as many?
        {o} has {b} {ts}, {n} has {a}. How many times [{o}'s number does {n} have|as many as {o} does {n} have]?
        A [tower|tree|house] is {a} meters [high|tall] and a [bush|shed|fence] is {b} meters. How many times as [high|tall] is the first?
        How many times as heavy as a cat of {b} kg is a [calf|pig|man] of {a} kg?
        A [coat|radio|table] costs ${a} and a [hat|book|lamp] costs ${b}. How many times as [much|expensive] is the first one?
        The [big|large] tank holds {a} liters, the small one {b}. How many times [does the small one fit into the big one|can you fill the small one from the full big one]?
        The [bus|train] needs {a} minutes and the [plane|car] {b}. How many times as long does the [first|slower] one take?
        By what number must you multiply {b} to get {a}?
        {n} found {b} {ts} and {o} found {a}. How many times as many did {o} find?
    """),
    ),
    # a missing factor
    Relation(
        ("a / b",),
        {"a": (11, 144), "b": (2, 12)},
        lines("""
        {b} {cs} hold {a} {ts} in all. [How many in each?|How many {ts} does each {c} hold, if all are equal?]
        {n} has {b} {cs} with the same number of {ts} in each. {he} has {a} {ts} [altogether|in total|in all]. How many are in [each|one] {c}?
        {b} times a number [is|makes|gives|equals] {a}. [What is the number?|Find the number.|Which number is it?]
        I think of a number and multiply it by {b}. I get {a}. What was my number?
        What [number|] times {b} [is|makes|equals] {a}?
        {n} has {b} times as many {ts} as {o}. {n} has {a} {ts}. How many [does {o} have|{ts} does {o} have]?
        {n} has {a} {ts}, [which is|that is] {b} times as many as {o} [has|]. How many {ts} does {o} have?
        A garden is a rectangle with an area of {a} square meters. It is {b} meters wide. How long is it?
        A rectangle has {a} squares in {b} equal rows. How many squares are in one row?
        The product of two numbers is {a}. One [of them|number] is {b}. What is the other [one|number|]?
        A rectangular [field|carpet|floor] of {a} square [meters|feet] has one side of {b}. How long is the other side?
        {n} bought {b} packs and now has {a} [batteries|cards|napkins]. How many were in [each|a|one] pack, if {he} had none before?
        {b} spiders of a strange kind have {a} legs in all. How many legs does one [such spider|of them] have?
        After {b} [weeks|months] of saving the same amount {n} had ${a}. How much did {he} save each time?
        The [red|big|new] [box|bag] weighs {a} kg, {b} times as much as the blue one. How heavy is the blue one?
        This year {a} [people|guests|runners] came, {b} times as many as last year. How many came last year?
        A [pair of shoes|bike|chair] costs ${a}. That is {b} times the price of a [ball|cap|book]. What does the cheaper thing cost?
    """),
    ),
    # plain quotients
    Relation(
        ("a / b",),
        {"a": (4, 200), "b": (2, 12)},
        lines("""
        What is {a} divided by {b}?
        [What's|How much is|What is] {a} divided by {b}[?|, please?]
        [Calculate|Work out|Tell me|Compute] {a} divided by {b}[.|, please.]
        Divide {a} by {b}.
        [Find|Work out|Calculate|Tell me] the quotient of {a} and {b}.
        How many times does {b} [go into|fit into] {a}?
        How many {b}s are [there in|in] {a}?
        [What do you get|What comes out] [if|when] you divide {a} by {b}?
        [Split|Divide] {a} into {b} equal parts. How [big|large] is [each|one] part?
        {n} divides {a} by {b}. What [does {he} get|is the result|is the answer]?
        [What is|What's|How much is] {a} / {b}?
        [Calculate|Compute|Solve] {a} / {b}.
        How often can you [subtract|take] {b} from {a} until nothing is left?
        If {a} is divided by {b}, what is the [result|answer|quotient]?
        Into how many groups of {b} can {a} be [split|divided]?
        The number {a} is shared out into {b} equal parts. What is one part?
    """),
    ),
    # half
    Relation(
        ("a / 2",),
        {"a": (4, 200)},
        lines("""
        [What is|What's|How much is] half of {a}?
        [Find|Calculate|Work out] half of {a}.
        {n} has {a} {ts} and gives half of them [away|to {o}|to a friend]. How many [{ts} does {he} have left|does {he} give away|{ts} does {he} keep]?
        {o} has {a} {ts}. {n} has half as many. How many {ts} does {n} have?
        {n} has half as many {ts} as {o}, who has {a}. How many does {n} have?
        A [coat|game|bag|jacket] costs ${a}. Today it is half price. [What does it cost today?|How much is it today?|How much does {n} pay?]
        {n} [is {a}|is {a} years old]. {his} [brother|sister|cousin] is half [as old|{his} age]. How old is the [younger one|younger of the two]?
        I had {a} [dollars|euros] and spent half. How much do I have [left|now]?
        Half of the {a} [children|students|people] in the [club|hall|school choir] are girls. How many girls are there?
        {n} [ate|used|sold|lost] half of {his} {a} {ts}. How many [are left|were left|did {he} have left]?
        {n} reads half of a book [of|with] {a} pages. How many pages [has {he} read|did {he} read|must {he} still read]?
        There are {a} {ts} [in the {p}|]. Half of them are {color}. How many are {color}?
        {n} and {o} share {a} {ts} equally. How many does each [get|have]?
        {a} socks make how many pairs?
        How many pairs of shoes can you make from {a} [shoes|single shoes]?
        {n} has {a} [single |]gloves. How many pairs [is that|are there]?
        {a} [dancers|children] dance in pairs. How many pairs are [there|on the floor]?
        How many [bikes|bicycles] are there if they have {a} wheels [in all|altogether|]?
        {n} counts {a} legs of [chickens|ducks|birds]. How many [animals|birds] are there?
        A bottle holds {a} [ml|spoons of water|drops]. It is half full. How much is in it?
        The [trip|drive|walk] is {a} [miles|kilometers] long. {n} has done half of it. How far [has {he} gone|is that|is still to go]?
        {a} is twice a number. What is the number?
        {n} has twice as many {ts} as {o}. {n} has {a}. How many does {o} have?
        {n} scored {a} points, twice as many as {o}. How many points did {o} score?
        Two [tickets|pizzas|shirts] cost ${a}. How much does one cost?
        My [brother|friend|sister] and I split {a} [candies|nuts|cookies] evenly between the two of us. How many do I get?
        The [recipe|cook|cake] needs {a} [grams of sugar|grams of flour|spoons of oil]. {n} makes half [the recipe|as much]. How much does {he} need?
        {n} [cuts|breaks] a {a} cm [stick|ribbon|rope] in half. How long is each [piece|part|half]?
    """),
    ),
    # a third
    Relation(
        ("a / 3",),
        {"a": (6, 180)},
        lines("""
        [What is|How much is] [a third|one third] of {a}?
        [Find|Calculate|Work out] [a third|one third] of {a}.
        {n} is {a}. {his} [daughter|son|nephew] is [a third|one third] as old. How old is [the child|the younger one|that child]?
        {o} has {a} {ts}. {n} has a third as many. How many [{ts} |]does {n} have?
        A third of the {a} {ts} are {color}. How many {ts} are {color}?
        {n} [gives|throws] away one third of {his} {a} {ts}. How many is that?
        {n} sells a third of {his} {a} {ts}. How many does {he} sell?
        One third of {a} [students|workers|pupils] come by [bus|bike|train]. How many [people |]is that?
        Three [children|brothers|friends] share {a} {ts} equally. How many does each get?
        How many [tricycles|three-wheeled bikes] have {a} wheels [altogether|in all]?
        {n} has three times as many {ts} as {o}. If {n} has {a}, how many does {o} have?
        Three [coffees|tickets|books] cost ${a}. What does one cost?
        {n} cuts {a} meters of [cloth|rope] into three equal parts. How long is [each|one|each part]?
        The sides of a triangle are all the same. Its perimeter is {a} cm. How long is one side?
        If you triple a number you get {a}. What is the number?
        A third of a [book|story] of {a} pages is read. How many pages is that?
    """),
    ),
    # a quarter
    Relation(
        ("a / 4",),
        {"a": (8, 200)},
        lines("""
        [What is|How much is] [a quarter|one quarter|one fourth] of {a}?
        [Find|Work out|Calculate] [a quarter|one quarter|one fourth] of {a}.
        [A square|A square garden|A square room] has a perimeter of {a} [meters|feet|cm]. How long is [one side|each side|a side]?
        The fence around a square [field|yard|pen] is {a} meters long. What is the length of one side?
        [{n} counts|There are|You can see] {a} legs of [cows|sheep|dogs|horses]. How many [animals|of them] are there?
        How many [cats|goats|dogs|pigs] are in the barn if they have {a} legs [in all|together]?
        [A table|A chair|A bed] needs 4 legs. How many can be built [with|from] {a} legs?
        How many cars can get new tires from {a} tires, with 4 on each [car|]?
        A quarter of the {a} {ts} [belong to {n}|are {n}'s]. How many [{ts} |]is that?
        {n} [gave|sold] {o} one quarter of {a} {ts}. How many did {o} [get|receive]?
        One fourth of the {a} [guests|people] at the [party|wedding] are children. How many children are there?
        {n} has a quarter as many {ts} as {o}. {o} has {a}. How many [does {n} have|{ts} has {n}]?
        {a} [people|players] play tennis doubles, 4 on each court. How many courts [do they need|are in use]?
        {a} players sit at card tables, 4 at each. How many tables?
        How many months of 4 weeks are {a} weeks?
        {n} gets [25%|25 percent] of the ${a} that [was earned|was won|they earned]. How much does {he} get?
        [25%|25 percent] of {a} [{ts}|students] is how many?
        {n} took [25%|25 percent] of the {a} {ts}. How many did {he} take?
    """),
    ),
    # other fixed divisors: days, dozens, minutes, legs
    Relation(
        ("a / 7",),
        {"a": (14, 196)},
        lines("""
        How many weeks are {a} days?
        {n} [was away|stayed in the hotel|was on the ship] for {a} days. How many weeks is that?
        {n} [reads|runs|saves] {a} [pages|miles|dollars] a week, the same every day. How [many|much] is that [a|per] day?
        [A|The] baby is {a} days old. How old is it in weeks?
        The [shop|bakery|farm] sells {a} {ts} [in a week|each week], equally many every day. How many does it sell [a|per|each] day?
        In {a} days it is [my birthday|summer|the start of school]. How many weeks is that?
        {n} [drank|used] {a} cups of [tea|water|milk] in one week, the same each day. How many cups [a day|each day]?
        [What is|How much is] one seventh of {a}?
        [Find|Calculate|Work out] one seventh of {a}.
    """),
    ),
    Relation(
        ("a / 12",),
        {"a": (24, 192)},
        lines("""
        How many [years|full years] are {a} months?
        {n} [lived|worked|studied] in [the city|the village|Paris] for {a} months. How many years is that?
        How many dozen eggs are {a} eggs?
        The hens laid {a} eggs. [How many dozen is that?|How many cartons of a dozen do they fill?]
        {n} packs {a} {ts} by the dozen. How many dozens [does {he} have|are there]?
        {n} saves ${a} in a year, the same every month. How much does {he} save [a|per|each] month?
        A [club|gym|phone plan] costs ${a} a year. How much is that [a|per|each] month?
        How many feet are {a} inches?
        A [toddler|puppy] is {a} months old. [What is its age in years?|How old is it in years?]
        I need {a} eggs. They come in dozens. How many dozen must I buy?
    """),
    ),
    Relation(
        ("a / 60",),
        {"a": (60, 200)},
        lines("""
        How many hours are {a} minutes?
        The [film|movie|flight|trip] [takes|lasts] {a} minutes. How many hours is that?
        {n} [waited|practiced|slept|worked] for {a} minutes. How many hours [is that|did {he} spend]?
        {a} seconds are how many minutes?
    """),
    ),
    Relation(
        ("a / 5",),
        {"a": (10, 200)},
        lines("""
        [What is|How much is] [a fifth|one fifth|20%|20 percent] of {a}?
        [Find|Calculate|Work out] [a fifth|one fifth|20%|20 percent] of {a}.
        [20%|20 percent] of {a} [students|workers|people] [walk|wear glasses|are sick]. How many [of them|people] is that?
        {n} [gives|pays] [20%|20 percent] of {a} dollars as a tip. How much is the tip?
        {n} works 5 days a week and earns ${a} a week. How much does {he} earn [a day|per day]?
        How many hands have {a} fingers, with 5 on each?
        How many nickels make {a} cents?
        {a} dollars in 5 dollar bills: how many bills?
        A fifth of the {a} {ts} in the {p} are broken. How many are broken?
    """),
    ),
    Relation(
        ("a / 10",),
        {"a": (10, 200)},
        lines("""
        [What is|How much is] [a tenth|one tenth|10%|10 percent] of {a}?
        [Find|Calculate|Work out] [a tenth|one tenth|10%|10 percent] of {a}.
        {n} [saves|gives away|spends] [10%|10 percent] of {his} ${a}. How much is that?
        A [coat|phone|chair] costs ${a} and is [10%|10 percent] off. How big is the discount?
        How many dimes make {a} cents?
        [10%|10 percent] of the {a} {ts} are bad. How many are bad?
        {a} millimeters are how many centimeters?
        {n} changes ${a} into ten dollar bills. How many bills does {he} get?
    """),
    ),
    Relation(
        ("a / 8",),
        {"a": (16, 200)},
        lines("""
        How many spiders are there if they have {a} legs [in all|together]?
        {n} counts {a} octopus arms, 8 on each octopus. How many octopuses are there?
        Pizzas are cut into 8 slices. How many pizzas [give|make] {a} slices?
        {n} works 8 hours a day. How many days does {he} need for {a} hours of work?
    """),
    ),
    # fractions and percents in two steps
    Relation(
        ("a / 2", "a - #1"),
        {"a": (4, 200)},
        lines("""
        {n} has {a} {ts} and uses half of them. How many [are left|remain|does {he} have left]?
        Of {a} [cookies|eggs|grapes] half [were|are] eaten. How many are left?
        [50%|50 percent] of {n}'s {a} {ts} are gone. How many does {he} still have?
        A [dress|lamp|tent] of ${a} is [50%|50 percent] off. What does it cost now?
    """),
    ),
    Relation(
        ("a / 2", "a + #1"),
        {"a": (2, 130)},
        lines("""
        {n} has {a} {ts} and {o} has half as many. How many {ts} do they have [together|in all]?
        {n} sold {a} {ts} on {day} and half as many on {day2}. How many did {he} sell [in all|altogether|on both days]?
        [Last week|In May] {n} ran {a} miles, and [this week|in June] half as far. How many miles is that in total?
        A [soup|drink] is made of {a} cups of water and half as many cups of [juice|milk]. How many cups is that in total?
        There are {a} [boys|cows|cars] and half as many [girls|sheep|trucks]. How many are there [altogether|in all]?
        A [pair of boots|chair|fish] costs ${a}, a [hat|stool|salad] half as much. What do both cost?
    """),
    ),
    Relation(
        ("a / 3", "a - #1"),
        {"a": (6, 200)},
        lines("""
        {n} has {a} {ts}. {he} [gives away|sells|uses|loses] [a third|one third] of them. How many [{ts} |]are left?
        [A third|One third] of the {a} [pages|problems|tasks] [are|have been] done. How many are still to do?
        I had ${a} and spent a third of it. How much is left?
        There were {a} [birds|people|passengers], and one third of them left. How many stayed?
    """),
    ),
    Relation(
        ("a / 4", "a - #1"),
        {"a": (8, 200)},
        lines("""
        {n} has {a} {ts}. {he} [gives away|sells|uses|loses] [a quarter|one fourth|25%|25 percent] of them. How many {ts} does {he} have [left|then]?
        A quarter of the {a} {ts} in the {p} are {color}. How many are not {color}?
        The [price|old price] of a [bike|desk|jacket] was ${a}. Now it is [25%|25 percent|a quarter] less. What is the [new price|price now]?
        A tank had {a} liters, and a quarter [of it|] was used. How many liters remain?
    """),
    ),
    Relation(
        ("a / 4", "#1 * 3"),
        {"a": (8, 200)},
        lines("""
        [What is|How much is] [three quarters|three fourths|75%|75 percent] of {a}?
        [Find|Calculate|Work out] [three quarters|three fourths|75%|75 percent] of {a}.
        [Three quarters|Three fourths] of the {a} {ts} are {color}. How many {ts} is that?
        {n} has read [three quarters|75%] of a book of {a} pages. How many pages has {he} read?
    """),
    ),
    Relation(
        ("a / 3", "#1 * 2"),
        {"a": (6, 200)},
        lines("""
        [What is|How much is] two thirds of {a}?
        [Find|Calculate|Work out] two thirds of {a}.
        Two thirds of {a} [children|students|players] are [boys|girls|here today]. How many is that?
        {n} [sold|ate|used] two thirds of {his} {a} {ts}. How many [was that|{ts} was that]?
    """),
    ),
    Relation(
        ("a / 5", "a - #1"),
        {"a": (10, 200)},
        lines("""
        A [bag|phone|watch|camera] costs ${a}. {n} gets [20%|20 percent] off. [How much does {he} pay?|What must {he} pay?]
        {n} has {a} {ts}, and [a fifth|one fifth|20%|20 percent] of them get lost. How many [are left|remain]?
        The [shop|store] lowers the price of ${a} by [20%|20 percent]. What is the new price?
    """),
    ),
    Relation(
        ("a / 10", "a - #1"),
        {"a": (10, 200)},
        lines("""
        A ticket is ${a}, but students pay [10%|10 percent] less. How much does a student pay?
        [10%|10 percent|A tenth] of the {a} {ts} are broken. How many are [not broken|good|whole]?
        {n} had {a} kg of [rice|sugar|flour] and used [10%|10 percent] of it. How many kg are left?
    """),
    ),
    Relation(
        ("a / 10", "a + #1"),
        {"a": (10, 180)},
        lines("""
        The [meal|dinner] costs ${a}, and {n} adds a tip of [10%|10 percent]. How much does {he} pay in all?
        The [rent|price] was ${a} and went up by [10%|10 percent]. [What is it now?|How much is it now?]
        A [club|school|village] with {a} [members|people] grew by [10%|10 percent]. How many are there now?
    """),
    ),
    Relation(
        ("a / 2", "#1 - b"),
        {"a": (10, 160), "b": (1, 30)},
        lines("""
        {n} has {a} {ts}. {he} gives half [to {o}|away] and then loses {b}. How many [are left|does {he} have left|remain]?
        Half of {n}'s {a} {ts} were [sold|given away], and {b} of the rest broke. How many [good ones|whole {ts}] are left?
        {n} takes half of {a} {ts} and gives {b} of [these|those] to {o}. How many does {n} keep?
        I had ${a}, spent half of it on [food|a toy|shoes] and ${b} on [a drink|candy]. How much do I have [left|now]?
    """),
    ),
    Relation(
        ("a / 2", "#1 + b"),
        {"a": (4, 160), "b": (2, 60)},
        lines("""
        {n} has {a} {ts}, gives half away and then [gets|finds|buys] {b} [more|new ones]. How many does {he} have [now|then]?
        {n} has {b} more {ts} than half of what {o} has. {o} has {a}. How many {ts} does {n} have?
        [Add|You add] {b} to half of {a}. What [do you get|is the result]?
    """),
    ),
)
