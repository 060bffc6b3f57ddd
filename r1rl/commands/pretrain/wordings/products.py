"""One-step multiplications: equal groups, prices, pay, rates, rows, parts of things, times as many, units and shapes."""

from r1rl.commands.pretrain.wordings.relation import Relation, lines

RELATIONS = (
    # a groups of b
    Relation(
        ("a * b",),
        {"a": (2, 25), "b": (2, 25)},
        lines("""
        {n} [has|owns|buys|bought] {a} {cs} of {ts}. [Each|Every] {c} [has|holds|contains] {b} {ts}. How many {ts} [are there|is that] [in all|altogether|in total|]?
        How many {ts} are [there|] in {a} {cs} if [each|every|one] {c} [has|holds|contains] {b} {ts}?
        There are {a} {cs} [here|in this place|], and [each one|every one|each of them] [has|holds] {b} {ts}. [What is the total number of {ts}|How many {ts} are there|How many {ts} is that]?
        {n} [filled|packed] {a} {cs} with {b} {ts} [each|apiece]. How many {ts} did {he} [use|need|pack]?
        [Eggs|The eggs] come in cartons of {b}. How many eggs [are|are there] in {a} cartons?
        I have {a} bags with {b} [sweets|marbles|nuts|coins] in each [bag|]. How many [do I have|is that|are there] [in total|altogether|]?
        A [library|school|classroom] has {a} [bookcases|shelves] with {b} books on [each|every one]. How many books [does it have|are there] [altogether|]?
        A [hall|cinema|theater] has {a} rows of {b} seats. How many [people can sit|seats are there] in it?
        {a} tables with {b} chairs [each|at each table]: how many chairs [is that|are there|in all]?
        If there are {b} students in [each|every] group and there are {a} groups, how many students are there [in all|altogether|]?
        [A pack of gum|One pack of gum] has {b} sticks. {n} [buys|gets|has] {a} packs. How many sticks of gum [does {he} have|is that]?
        A [box|packet] [contains|holds] {b} [crayons|pencils|pens|markers]. [Find|Work out|Calculate] how many there are in {a} [such|of these|full] ones.
        [Calculate|Find|Work out] the number of {ts} in {a} {cs} of {b} {ts} [each|].
        The coach [made|formed] {a} teams of {b} players. How many players [were there|did the coach have] [in all|altogether|]?
        {b} [passengers|people] fit in [one|each] van. How many can ride in {a} [full|] vans?
        There were {b} slices in [each|every] pizza, and the class [ordered|ate] {a} [whole|] pizzas. How many slices [was that|did they have|were there]?
        {n}'s album has {a} pages, with {b} photos on each page. How many photos does [the album hold|it have]?
        [A book|The book|My book] has {a} chapters. Each chapter is {b} pages long. How many pages does [the book|it] have?
        Suppose a [hotel|building|house] has {a} floors and there are {b} rooms on [every|each] floor. How many rooms [does it have|are there]?
        {n} [planted|plants] {a} rows of [carrots|beans|tulips|cabbages], {b} in [each|every] row. How many [is that|plants is that|plants are there]?
        A train has {a} [cars|wagons|carriages] and {b} passengers are sitting in each of them. How many passengers are on the train?
        {b} {ts} fit into a {c}. How many {ts} [fit into|are needed to fill|can be put into] {a} {cs}?
        Tell me how many {ts} {n} has if {he} has {a} {cs} and there are {b} {ts} in [each|every one].
        In [a|the] [zoo|park] there are {a} cages. {b} parrots live in each [cage|of them]. How many [parrots|birds] live there?
        {a} {cs}, {b} {ts} in each. How many {ts} [altogether|in all|in total]?
        {n} [baked|made] {a} trays of cookies. There were {b} cookies on [each|every|a] tray. How many cookies did {he} [bake|make]?
        {b} {ts} were put [into|in] each of the {a} {cs}. How many {ts} were there [in total|in all|]?
        The [room|hall|house] is full of {cs}: there are {a}, [each with|all with] {b} {ts}. What is the total number of {ts}?
        We have {a} bunches of [bananas|grapes|flowers|balloons] with {b} in each bunch. How many [do we have|is that] [in all|]?
        A [farm|farmer] has {a} [barns|fields|pens] with {b} [cows|sheep|pigs|goats] in each. How many animals [is that|are there]?
        {n} tied [the|all the] {ts} in {a} bundles of {b}. How many {ts} did {he} [have|tie]?
        [One|A] bus [carries|takes|holds] {b} people. The school has {a} [full|such] buses. How many people [is that|can ride in them]?
        [There are|We see] {a} nests in the tree. Each nest has {b} eggs [in it|]. How many eggs [are in the tree|are there]?
        {a} vases stand on the [table|shelf|window sill], with {b} roses in every vase. How many [roses|flowers] are [there|in the vases]?
        At the wedding there are {a} tables, and {b} guests sit at each. How many guests [came|are there]?
        After the party the guests counted {a} plates with {b} [small|cheese|] sandwiches on each. How many sandwiches were [there|still there]?
        The [school|town|village] has {a} classes of {b} children. [How many children is that|How many children are there|What is the number of children]?
        If I put {b} {ts} in each of my {a} [bags|boxes|drawers|pockets], how many {ts} do I need?
        What is the total number of {ts} when {a} {cs} [contain|hold|have] {b} {ts} each?
        {n} stacks {b} [bricks|blocks|boxes|coins] in a pile. {he} makes {a} [such|of these|equal] piles. How many [does {he} stack|are there in the piles]?
    """),
    ),
    # price times count
    Relation(
        ("a * b",),
        {"a": (2, 20), "b": (2, 40)},
        lines("""
        {n} [buys|bought|orders] {a} {ts} [for|at] ${b} each. How much [is that|do they cost|is it] [in all|altogether|]?
        [One|A|Each] {t} costs {b} [dollars|euros|cents|coins]. What [do|would] {a} {ts} cost?
        How much [do|will|would] {a} {ts} cost if [one|each|a single] {t} [costs|is|sells for] ${b}?
        [Movie|Concert|Train|Bus] tickets [cost|are] ${b} each. How much [are|do you pay for|will I pay for] {a} tickets?
        {n} [sold|sells] {a} {ts} at the [market|fair|school sale] for ${b} [each|apiece]. How much [money|] did {he} [make|earn|get]?
        If a [sandwich|burger|pizza|meal] costs ${b}, [how much do|what do] {a} of them cost?
        {n} needs {a} [notebooks|pens|rulers|folders]. They cost ${b} each. How much [must {he} pay|does {he} pay|will {he} spend]?
        I bought {a} pounds of [apples|rice|potatoes|cheese] at ${b} per pound. What did I [pay|spend]?
        The [ticket|entry|entrance fee] is ${b} per person. What does a group of {a} people pay?
        {a} [friends|cousins|children] go to the [cinema|zoo|circus|pool]. Each ticket is ${b}. How much do they [pay|spend] [together|in total|altogether]?
        A meter of [cloth|rope|ribbon] costs ${b}. Find the [cost|price] of {a} meters.
        [Work out|Find|Calculate] the [price|cost] of {a} {ts} at ${b} [each|apiece].
        {a} {ts}, ${b} each. What's the [total|price|total price]?
        A hotel room is ${b} a night. {n} stays [for|] {a} nights. [How much is the bill|What does {he} pay|How much does {he} pay]?
        {n} rents a [bike|boat|car] for {a} days at a price of ${b} per day. [What|How much] does {he} pay?
        [Stamps|Stickers|Balloons|Candies] are {b} cents each. How many cents do {a} of them cost?
        [A|One] can of [paint|soup|beans] is ${b}, and {n} wants {a} cans. How much money does {he} need?
        Suppose you buy {a} {ts} and pay ${b} for every {t}. How much do you pay [in all|altogether|in total]?
        The shop charges ${b} [for a haircut|to wash a car|to fix a bike]. It had {a} customers today. How much [money|] did it [take in|make]?
        {n} gave ${b} [to each|to every one] of {his} {a} [children|cousins|nephews]. How much [money|] did {he} give away?
        Gas costs ${b} a gallon. {n} puts {a} gallons in [the car|{his} car|the truck]. [How much is it|What does it cost|What does {he} pay]?
        [Lunch|Dinner|Breakfast] for one person costs ${b}. How much is it for {a} people?
        How much money do I need to buy {a} {ts} that cost ${b} each?
        {n} pays ${b} for every [lesson|class|trip] and takes {a} [of them|] this month. How much does {he} pay [this month|]?
    """),
    ),
    # pay and saving
    Relation(
        ("a * b",),
        {"a": (2, 40), "b": (2, 14)},
        lines("""
        {n} [earns|makes|gets] ${a} [an hour|per hour|each hour|every hour]. How much [does|will] {he} [earn|make|get] in {b} hours?
        {n} works {b} hours [and gets|and is paid|for] ${a} an hour. [What does {he} earn|How much money is that|How much does {he} get]?
        If {n} is paid {a} dollars [a|per] day, how much does {he} earn in {b} days?
        I [get|am paid] ${a} per week [for walking the dog|for helping at home|as pocket money]. How much [do I get|is that] in {b} weeks?
        {n} [saves|puts aside|puts in the bank] ${a} [a|every|each|per] month. How much [has {he} saved|is that] after {b} months?
        {n} saved {a} dollars [a week|every week|each week] for {b} weeks. How much did {he} save [in total|altogether|]?
        {n} mows lawns for ${a} each. Last [week|month|summer] {he} mowed {b} lawns. How much did {he} [earn|make]?
        A [babysitter|cleaner|gardener|tutor] [charges|asks for|takes] ${a} an hour and [works|stays] for {b} hours. What is the [bill|total|total pay]?
        How much [does|will] {n} make in {b} [full|] weeks if {he} makes ${a} a week?
        My [brother|sister|cousin] washes cars and gets ${a} per car. How much [money|] [is it|does that make|is that] for {b} cars?
        {n} [picks|picked] {b} baskets of [apples|berries|cherries] and is paid ${a} for each [basket|]. How much [money|] does {he} get?
        Every finished [page|drawing|story] earns {n} ${a}. What does {he} earn for {b} of them?
        The boss pays every worker ${a} a day. How much does one worker get for {b} days [of work|]?
        {n} babysat for {b} hours at ${a} [an|per] hour. [Find|Work out|Calculate] {his} pay.
        You get ${a} for each dog that you walk. You walk {b} dogs. How much do you [get|earn|make]?
        [Rent is|The rent is|Parking costs] ${a} a week. How much is that for {b} weeks?
    """),
    ),
    # rate times time
    Relation(
        ("a * b",),
        {"a": (2, 40), "b": (2, 14)},
        lines("""
        {n} [reads|read] {a} pages [a|every|each|per] day. How many pages [does|did|will] {he} read in {b} days?
        {n} [runs|walks|jogs|swims] {a} [miles|kilometers|km] [a day|every day|each day|per day]. How [far does {he} go|much is that] in {b} days?
        A [machine|factory|robot] makes {a} {ts} [per|every|each] hour. How many [{ts} |]does it make in {b} hours?
        A machine [makes|packs|prints] {a} {ts} per minute. How many {ts} [does it finish|are done] in {b} minutes?
        How many {ts} does {n} make in {b} days if {he} makes {a} [a|every|each|per] day?
        {n} [sells|collects|paints|packs] {a} {ts} every hour. How many is that [after|in] {b} hours?
        The [hens|chickens|ducks] lay {a} eggs [a|every|each|per] day. How many eggs [do they lay|does the farmer get|is that] in {b} days?
        [Water drips|Oil runs|Water flows] into a [tank|tub|barrel] at {a} liters [a|per|every] minute. How many liters [are in it|is that] after {b} minutes if it was empty at first?
        A [clock|toy|bird] makes {a} sounds a minute. How many sounds [do we hear|does it make] in {b} minutes?
        {n} [drinks|drank] {a} glasses of water [a|every|each] day for {b} days. How many glasses [is that|did {he} drink] [in all|altogether|]?
        {n} [types|writes] {a} words [a|per|each] minute. How many words [does {he} type|are written|can {he} type] in {b} minutes?
        A [plant|tree|child|vine] grows {a} [cm|centimeters|inches] [a|every|each|per] year. How much does it grow in {b} years?
        For {b} days {n} did {a} [push-ups|sit-ups|jumps|sums] [a day|every day|daily]. How many [is that|did {he} do] [in total|altogether|]?
        {n} [practices|plays|studies] [piano|chess|the guitar|tennis|math] for {a} minutes [every|each] day. How many minutes is that in {b} days?
        The [baker|bakery|baker's shop] [bakes|sells] {a} loaves [of bread|] an hour. How many loaves [is that|are there] after {b} hours?
        {a} {ts} are [made|sold|needed|used] every week. How many {ts} is that in {b} weeks?
        [A horse|A cow|An elephant|The panda] eats {a} [kilos|pounds|kilograms] of food a day. How much [does it eat|food does it need|food is that] in {b} days?
        If I learn {a} new words [a|each|every] day, how many [words|new words|] will I [know|have learned] after {b} days?
        A tap loses {a} drops of water in a minute. How many drops does it lose in {b} minutes?
        {n} sends {a} [messages|texts|emails|letters] per day. Work out how many {he} sends in {b} days.
        The elevator makes {a} trips [an|every|each|per] hour. How many trips does it make in {b} hours?
        Suppose {n} solves {a} [problems|puzzles|sums] every evening. How many will {he} have [solved|done] after {b} evenings?
        {n} scored {a} [points|goals] in [each|every one] of {b} [games|matches]. [What was {his} total|How many did {he} score in all|How many is that]?
        [A team|Our team|The school team] gets {a} points for a win. It [wins|won] {b} games. How many points [is that|does it have]?
        For each [right|correct] answer you get {a} points. {n} has {b} [right|correct] answers. How many points does {he} [get|have]?
        It [rains|rained] {a} mm [every day|each day|a day] for {b} days. How much rain [is that|falls|was there] [in all|altogether|]?
        The [shop|cafe|restaurant|school kitchen] uses {a} eggs [a|per|each] day. How many eggs does it [use|need|order] for {b} days?
        {n} gives {his} [dog|cat|rabbit] {a} treats a day. How many treats does {he} need for {b} days?
        During {b} weeks, {n} made {a} [phone calls|visits|deliveries] a week. How many [was that|did {he} make] [in all|]?
        {n} takes {a} [pills|vitamins|photos|notes] a day. Find the number {he} takes in {b} days.
    """),
    ),
    # speed, distance and trips
    Relation(
        ("a * b",),
        {"a": (2, 60), "b": (2, 12)},
        lines("""
        A [car|bus|train|truck] [drives|goes|travels] {a} [miles|kilometers|km] [an hour|per hour|every hour]. How far does it [go|travel|get] in {b} hours?
        How far [can|will|does] {n} [ride|drive|go|travel] in {b} hours at {a} [km|miles] per hour?
        {n} [drove|rode] for {b} hours at [a speed of|] {a} [miles|kilometers] an hour. [How far did {he} go|What distance is that|How far did {he} get]?
        A [boat|ship|whale|drone] moves at {a} [km/h|mph|miles per hour]. What distance does it [cover|travel] in {b} hours?
        It is {a} [miles|km] to [school|work|the pool|the station]. {n} makes the trip {b} times. How far [is that|does {he} go] [in all|altogether|]?
        A snail crawls {a} [cm|inches] a minute. How far does it [get|crawl] in {b} minutes?
        If a [plane|bird|balloon] flies {a} [miles|meters|kilometers] every minute, how far does it fly in {b} minutes?
        [One|A] lap [is|of the track is|around the lake is] {a} [meters|yards|miles] [long|]. {n} [runs|ran] {b} laps. How far is that?
        A car [goes|can go|runs] {a} [km|miles] on one gallon of gas. How far can it go on {b} gallons?
        {n} swims {b} lengths of a pool that is {a} [meters|yards] long. How far does {he} swim?
        {n} takes steps of {a} [cm|inches]. How far does {he} get with {b} steps?
        [Find|Work out|Calculate] the distance a train covers in {b} hours at {a} [km|miles] per hour.
    """),
    ),
    # each of a people
    Relation(
        ("a * b",),
        {"a": (2, 25), "b": (2, 20)},
        lines("""
        {a} [children|friends|students|boys|girls] [have|get|bring|receive] {b} {ts} each. How many {ts} is that [in all|altogether|in total|]?
        Each of [the|] {a} [children|friends|students|girls|boys|guests] [has|gets|brings|buys|finds] {b} {ts}. How many {ts} [do they have|are there] [in all|altogether|]?
        {n} gives {b} {ts} to [each|every one] of {his} {a} [friends|cousins|classmates]. How many {ts} does {he} give [away|] [in all|]?
        How many {ts} does {n} need if {he} wants to give {b} to each of {a} [children|friends|guests|people]?
        There are {a} [pupils|students|children] in [a|the|our] class. Everyone [needs|gets|brought] {b} {ts}. How many {ts} is that?
        {a} [guests|people] came to [my|the|a|our] party and each [ate|had|took] {b} [slices of cake|cookies|sandwiches|cupcakes]. How many were eaten?
        Every [player|child|worker|scout] in a group of {a} [gets|needs] {b} [bottles of water|oranges|bananas]. How many [are needed|does the group need|is that]?
        {a} of us [gave|put in|brought] ${b} each. How much [money|] [do we have together|is it in all|is that]?
        {n} and {his} friends are {a} people in all. If each of them eats {b} {ts}, how many {ts} do they eat?
        The teacher [hands out|gives out] {b} sheets of paper to every student. There are {a} students. How many sheets [is that|does the teacher need|are handed out]?
        {a} [gardeners|workers|children|scouts] plant {b} [trees|bushes|flowers] each. How many [are planted|do they plant] [in total|altogether|]?
        [All|The] {a} players on a team scored {b} points each. How many points did the team [score|get]?
        {a} [sisters|brothers|cousins|neighbors] each own {b} {ts}. What is the total [number of {ts}|]?
        My {a} [cousins|aunts|uncles|friends] sent me {b} [cards|letters|presents|messages] each. How many did I [get|receive]?
        {b} {ts} for every child, and there are {a} children. How many {ts} [must we buy|do we need|are needed]?
        [Grandma|Grandpa|My aunt] has {a} grandchildren and [knits|buys|makes] {b} [hats|gifts|scarves] for each. How many [is that|are they in all]?
        {a} [dogs|cats|rabbits|horses] eat {b} [carrots|biscuits|treats] each. How many [do they eat|is that] [altogether|]?
        The mother [cats|dogs|rabbits] had {b} babies each. There were {a} mothers. How many babies were born?
        {a} {ts} weigh {b} [kilos|grams|pounds] each. How much [is that|do they weigh] [altogether|in total|in all]?
        One {t} weighs {b} [kilos|grams|pounds]. How much do {a} {ts} weigh?
        {n} [lifts|carries|has] {a} [bags|sacks] of [sand|flour|sugar|potatoes] that weigh {b} [kilos|pounds] each. What is the total weight?
        {a} [jugs|bottles|buckets] hold {b} liters each. How many liters [is that|can they hold|do they hold] [together|in all|]?
        A [bottle|jug|jar|bucket] holds {b} [ounces|cups] of water. How much [water is in|do you get from] {a} full ones?
        {a} [ropes|planks|ribbons|sticks] of {b} [cm|inches|meters|feet] each are laid end to end. How long is the line?
        {n} cuts a [ribbon|rope|board] into {a} pieces of {b} cm each and nothing is left. How long was it [at first|before]?
    """),
    ),
    # rows and columns, rectangles
    Relation(
        ("a * b",),
        {"a": (2, 25), "b": (2, 25)},
        lines("""
        [The chairs|Chairs|Desks|The desks] stand in {a} rows and {b} columns. How many [are there|is that]?
        A rectangle is {a} [cm|m|meters|inches|feet] long and {b} wide. What is its area?
        [Find|Calculate|Work out] the area of a [rectangle|room|field|garden] that is {a} by {b} [meters|feet|units].
        {n}'s [room|garden|kitchen|yard] is {a} [feet|meters] long and {b} wide. What is [the|its] area?
        [How many tiles|How many square tiles] [cover|are there on] a floor with {a} rows of {b} tiles?
        A chocolate bar has {a} rows with {b} pieces in each [row|]. How many pieces are there?
        {n} [arranges|puts|lays] {ts} in {a} [rows|lines] of {b}. How many {ts} are there?
        A parking lot has {a} rows with space for {b} cars in each. How many cars can park [there|]?
        [An orchard|The orchard|A farm] has {b} trees in every row and {a} rows. How many trees [are there|does it have]?
        The marching band walks in {a} rows with {b} [players|people] in [each|every] row. How big is the band?
        A [picture|pattern|wall] is {a} squares wide and {b} squares high. How many squares [does it have|are there] in all?
        The width of a rectangle is {b} and its length is {a}. Calculate the area.
        [A rug|A carpet|A poster|A flag] measures {a} by {b} [feet|inches|cm]. [What is its area|How large is its area|What area does it have]?
        The [pool|lawn|playground] is a rectangle with sides of {a} m and {b} m. How many square meters is it?
        {n} has {a} [shirts|hats|tops] and {b} [skirts|pairs of pants|scarves]. How many different outfits with one of each can {he} make?
        A [game board|grid|table] has {a} columns and {b} rows. How many [squares|cells|fields] does it have?
    """),
    ),
    # parts of things, given number
    Relation(
        ("a * b",),
        {"a": (2, 16), "b": (2, 25)},
        lines("""
        [A|Each|One] [cart|truck|train car|toy car] has {a} wheels. How many wheels [do {b} of them have|are on {b} of them]?
        [A|Each|Every] {t} has {a} [parts|legs|wheels|buttons|holes|corners|spots]. How many do {b} {ts} have [in all|altogether|]?
        How many [legs|eyes|arms|tails|horns] do {b} [monsters|robots|aliens] have if each has {a}?
        [A|Each] flower has {a} petals. {n} picks {b} flowers. How many petals [is that|are there]?
        If [a|one] shirt has {a} buttons, how many buttons [do {b} shirts have|are on {b} shirts]?
        [A|Each] dress needs {a} buttons. {n} sews {b} dresses. How many buttons does {he} need?
        {b} [chairs|stools|benches] with {a} legs each: how many legs is that?
        The houses on our street have {a} windows each. There are {b} houses. How many windows [are there|can you count]?
        One [branch|tree|plant] has {a} [leaves|flowers|buds]. How many [are|grow] on {b} of them, if all are the same?
        A {t} is made of {a} {us}. How many {us} are [needed|used] for {b} {ts}?
        {n} needs {a} {us} to make [one|a] {t}. How many {us} does {he} need for {b} {ts}?
        [A ladder|A fence panel|A gate] has {a} [steps|boards|bars]. How many would {b} of these have?
        You need {a} [nails|screws|bolts] for [a|one|each] [shelf|table|chair]. How many do you need for {b}?
        A staircase has {a} steps. {n} [climbs|goes up] it {b} times. How many steps [is that|does {he} climb]?
        {n} [builds|makes] {b} [toy cars|bird houses|kites|bracelets]. Each one takes {a} [parts|pieces]. How many [does {he} use|are used]?
        There are {b} stars on the wall and each star has {a} points. How many points are there?
    """),
    ),
    # recipes
    Relation(
        ("a * b",),
        {"a": (2, 15), "b": (2, 14)},
        lines("""
        [A|One|Each] cake needs {a} [eggs|cups of flour|cups of sugar|spoons of butter]. How many [do you need|are needed] for {b} cakes?
        {n} uses {a} [cups of flour|cups of milk|eggs|apples] for [one|each|a] [pie|cake|loaf|pizza]. How many does {he} use for {b}?
        A recipe [takes|needs|asks for] {a} [eggs|tomatoes|carrots|onions]. {n} [makes|wants to make] it {b} times. How many does {he} need?
        If [one|a] glass of lemonade takes {a} lemons, how many lemons do {b} glasses take?
        How many [bananas|oranges|strawberries] do I need for {b} [smoothies|shakes|jars of jam] if I use {a} for each?
        One batch [makes|gives|is] {a} [cookies|muffins|pancakes|rolls]. How many [do you get|are there] from {b} batches?
        {n} bakes {b} batches of {a} [cookies|muffins|scones]. How many does {he} bake?
        For one pot of [soup|stew] you need {a} [cups of water|potatoes|spoons of salt]. How many for {b} pots?
        Each [sandwich|burger|taco] has {a} slices of [cheese|tomato|ham]. [Find|Work out] how many slices {b} of them need.
        The cook puts {a} [olives|mushrooms|slices of ham] on each pizza. How many does the cook put on {b} pizzas?
    """),
    ),
    # minutes for each thing
    Relation(
        ("a * b",),
        {"a": (2, 40), "b": (2, 20)},
        lines("""
        It takes {n} {a} minutes to [make|paint|draw] [one|a] {t}. How long [does it take|will it take] {him} to finish {b} {ts}?
        How long does it take to [wash|clean|repair|paint] {b} [cars|windows|bikes|doors] at {a} minutes each?
        [A|One|Each] [song|lesson|game|show|round] [lasts|takes|is] {a} minutes. How long [do {b} of them take|are {b} of them|is it for {b}] [together|in all|]?
        {n} [watches|watched] {b} [cartoons|shows|films|videos] of {a} minutes each. How many minutes [is that|did {he} watch]?
        Every page takes me {a} minutes to [read|write|draw]. How many minutes do I need for {b} pages?
        {n} spends {a} minutes on each [question|problem|exercise|drawing]. There are {b}. How long does {he} need [in all|]?
        If one [haircut|visit|trip|bath] takes {a} minutes, how many minutes [do|will] {b} take?
        One [candle|log] burns for {a} [minutes|hours]. How long can we have light if we burn {b} [of them|] one after the other?
        A doctor sees {b} [people|patients|children], one after another, for {a} minutes each. How long does [this|it] take?
        The bus needs {a} minutes from one stop to the next. How long does it take to go {b} stops?
        The bell [rings|has just rung. It rings] every {a} minutes. How many minutes pass from one ring until it has rung {b} more times?
        {n} can bake a tray of bread in {a} minutes. How long do {b} trays take, one after the other?
    """),
    ),
    # b times as many
    Relation(
        ("a * b",),
        {"a": (2, 40), "b": (2, 12)},
        lines("""
        {n} has {a} {ts}. {o} has {b} times as many [{ts}|]. How many [{ts} |]does {o} have?
        {o} has {b} times as many {ts} as {n}, [who|and {n}] has {a}. How many {ts} does {o} have?
        {o}'s [son|dog|niece] is {a} years old and {o} is {b} times as old. How old is {o}?
        A [pencil|snake|stick|worm] is {a} [cm|inches] long. A [rope|board|ribbon] is {b} times as long. How long is the longer one?
        One {t} costs ${a}. A {u} costs {b} times as much. What does the {u} cost?
        {n} [runs|walks] {a} [km|miles]. {o} goes {b} times as far. How far does {o} go?
        If I have {a} coins and you have {b} times as many, how many [coins|] do you have?
        How tall is a tree that is {b} times as high as a [bush|fence|wall] of {a} [feet|meters]?
        {n} scored {a} points in the first game and {b} times [as many|that number|that] in the second. How many points did {he} score in the second game?
        There are {a} {us} and {b} times as many {ts}. How many {ts} are there?
        A [dog|sheep|goat] weighs {a} [kilos|pounds]. A [horse|bear|cow] weighs {b} times that. What does the heavier one weigh?
        The number of {ts} is {b} times the number of {us}. There are {a} {us}. Find the number of {ts}.
        A [bike|bus|boat] goes {a} km an hour. A [train|car|plane] is {b} times as fast. How fast is it?
        Last year there were {a} [members|students|fans|players]. This year there are {b} times as many. How many are there [now|this year]?
        {n} picked {a} {ts}, but {o} picked {b} times that number. How many did {o} pick?
        A [small|little] [tank|bucket|bag] holds {a} [liters|pounds|gallons]. A big one holds {b} times as much. How much does the big one hold?
    """),
    ),
    # twice, double, two of each
    Relation(
        ("2 * a",),
        {"a": (2, 99)},
        lines("""
        {n} has {a} {ts}. {o} has [twice|two times] as many. How many [{ts} |]does {o} have?
        {o} has [twice|double] the number of {ts} that {n} has. {n} has {a}. How many {ts} does {o} have?
        {n} is {a} years old. {his} [mother|uncle|teacher|aunt] is twice as old. How old is the older one [of the two|]?
        What is [twice|double] {a}?
        [Double|Twice] the number {a} is what?
        [Find|Calculate|Tell me|Work out] the double of {a}.
        I had {a} {ts} and then the number doubled. How many do I have now?
        {n} had {a} [points|fans|followers|fish] [last year|last month], and now {he} has twice that. How many [is that|does {he} have now]?
        A [rope|board|snake] is {a} [cm|inches|feet] long. Another is twice as long. How long is the [other|other one|second one]?
        The [old|used|first] {t} costs ${a}, the new one costs double. What does the new one cost?
        How much is two times {a}?
        It is {a} [miles|km|meters] from home to [school|work|the shop]. How far is it there and back?
        How many [shoes|socks|gloves|boots] are in {a} pairs?
        {n} [buys|has|washes] {a} pairs of [socks|shoes|gloves|mittens]. How many [single ones|pieces] is that, counted one by one?
        {a} couples [dance|are dancing|came to the party|are at the dance]. How many people is that?
        [There are {a} birds|{a} birds sit] [on a fence|on the roof|in a tree]. How many [wings|legs|feet] do they have?
        How many [wheels|pedals] are there on {a} [bicycles|bikes] if we count two on each?
        {a} bicycles [are|stand] [in the yard|in front of the shop|at the school]. How many wheels [are there|do they have]?
        How many [eyes|ears|hands|feet] do {a} [people|children|girls|men] have?
        A farmer has {a} [chickens|hens|ducks|geese]. How many legs do they have [in all|altogether|]?
        {a} sets of twins are in the school. How many children is that?
        If every guest gets two {ts} and there are {a} guests [here|], how many {ts} do we need?
        A recipe needs {a} [grams|spoons|ounces] of sugar. {n} wants to double it. How much sugar does {he} need?
        This [tower|tree|wall] is {a} [feet|meters] high and that one is twice as high. How high is that one?
        {n} did {a} [sit-ups|sums|laps|jumps] on {day} and twice as many on {day2}. How many did {he} do on {day2}?
        {n} [counts|sees|paints] {a} {ts} on {day}. On {day2} it is double that. How many is it on {day2}?
        Two {cs} hold {a} {ts} each. How many {ts} are there [in both|altogether|in all]?
        {n} and {o} have {a} {ts} each. How many do they have [together|in all|between them]?
    """),
    ),
    # three times, triple, tricycles
    Relation(
        ("3 * a",),
        {"a": (2, 66)},
        lines("""
        {n} has {a} {ts}. {o} has [three times|3 times] as many. How many [{ts} |]does {o} have?
        What is [three times|triple|the triple of|3 times] {a}?
        {a} tricycles are in the [shop|yard|park]. How many wheels do they have?
        How many wheels [do {a} tricycles have|are on {a} tricycles]?
        {n} is {a} years old, and {his} [father|aunt|grandmother] is three times as old. How old is this person?
        A triangle has three equal sides of {a} [cm|m|inches]. [What is its perimeter|How long is the way around it]?
        How many [corners|sides] do {a} triangles have?
        {n} eats three meals [a|every] day. How many meals does {he} eat in {a} days?
        {n} brushes {his} teeth three times a day. How many times is that in {a} days?
        How many feet are [there in|in] {a} yards?
        Each of the three {cs} [has|holds] {a} {ts}. How many {ts} are in [them|all three|the three]?
        The price was ${a}, but now it is three times as [high|much]. What is the price now?
        {n} won {a} games this year. {o} won triple that. How many did {o} win?
        Three friends paid ${a} each for the [gift|trip|pizza]. How much did [it cost|they pay together]?
    """),
    ),
    # four legs, four wheels, squares, quarts, seasons
    Relation(
        ("4 * a",),
        {"a": (2, 50)},
        lines("""
        How many legs do {a} [dogs|cats|cows|horses|sheep|pigs|goats|rabbits] have?
        {a} [dogs|cats|horses|cows|sheep|pigs|elephants] are in the [yard|field|park|barn]. How many legs [do they have|are there|can you count]?
        There are {a} [chairs|tables|desks] in the [room|hall|kitchen]. [Each has four legs, so how many legs are there|How many legs do they have]?
        How many legs are [there|] on {a} [chairs|tables|cows|lions] [altogether|in all|]?
        {a} cars are parked [outside|on the street|in the garage|here]. How many [wheels|tires] do they have?
        How many wheels are on {a} cars?
        A mechanic [changes|puts on] all four tires on {a} cars. How many tires is that?
        [Find|Calculate|Work out] the perimeter of a square with [a side of|sides of] {a} [cm|m|inches|feet|].
        The side of a square is {a} [cm|m|meters|feet]. What is its perimeter?
        {n} walks once around a square [field|garden|park] whose sides are {a} [meters|yards] long. How far does {he} walk?
        {n} wants a fence around a square [garden|yard]. One side is {a} [feet|meters]. How much fence does {he} need?
        {n} has {a} {ts} and {o} has four times as many. How many does {o} have?
        What is [four times|4 times|the quadruple of] {a}?
        How many [corners|sides] do {a} [squares|rectangles] have?
        How many quarters make {a} dollars?
        How many weeks are in {a} months of four weeks each?
        A [farmer|zoo|woman] keeps {a} [sheep|cows|goats|camels] and no other animals. How many animal legs is that?
        Four people sit in each of {a} [cars|boats|taxis|rows]. How many people is that [in all|]?
        {a} cows and no other animals stand in a field. Count the legs. How many are there?
    """),
    ),
    # five: hands, nickels, school days; ten: dimes, decades, fingers
    Relation(
        ("5 * a",),
        {"a": (2, 40)},
        lines("""
        How many fingers are on {a} hands?
        {n} has {a} nickels. How many cents [is that|does {he} have|are they worth]?
        How much are {a} nickels [worth|] in cents?
        {n} works five days a week. How many days does {he} work in {a} weeks?
        How many school days are in {a} weeks with five school days [each|in each week]?
        {a} starfish with five arms each [lie on the beach|are in the tank]. How many arms is that?
        What is [five times|5 times] {a}?
        {n} gives five {ts} to each of {a} [children|friends]. How many is that?
        There are five players on a basketball team. How many players are on {a} teams?
        Five {cs} have {a} {ts} each. How many {ts} are there?
    """),
    ),
    Relation(
        ("10 * a",),
        {"a": (2, 20)},
        lines("""
        {n} has {a} dimes. How [much money is that in cents|many cents does {he} have|many cents is that]?
        How many cents are {a} dimes [worth|]?
        How many years are [in|there in] {a} decades?
        How many [fingers|toes] do {a} [people|children|friends] have?
        {n} has {a} ten-dollar bills. How much money [is that|does {he} have]?
        How many millimeters are [in|there in] {a} centimeters?
        The [house|tree|castle] is {a} decades old. How many years is that?
        What is [ten times|10 times] {a}?
        Pencils [come|are sold] in packs of ten. {n} buys {a} packs. How many pencils [is that|does {he} get]?
        {a} bundles of ten sticks. How many sticks [are there|is that]?
        Ten children have {a} {ts} each. How many {ts} is that?
    """),
    ),
    # six legs of insects, eight of spiders
    Relation(
        ("6 * a",),
        {"a": (2, 33)},
        lines("""
        How many legs do {a} [insects|ants|bees|beetles|flies|butterflies] have?
        {n} sees {a} [ants|beetles|bees|ladybugs] in the [garden|grass|kitchen]. How many legs do they have [altogether|in all|]?
        An [insect|ant] has six legs. How many legs do {a} of them have?
        How many [sides|corners] do {a} hexagons have?
        Soda is sold in six-packs. {n} buys {a} [of them|packs]. How many cans does {he} get?
        A guitar has six strings. How many strings are needed for {a} guitars?
        What is [six times|6 times] {a}?
        {n} bought {a} boxes with half a dozen eggs in each. How many eggs did {he} buy?
    """),
    ),
    Relation(
        ("8 * a",),
        {"a": (2, 25)},
        lines("""
        How many legs do {a} spiders have?
        {a} spiders [are|sit|live] [in the shed|on the wall|in the corner]. How many legs do they have [altogether|in all|]?
        A spider has eight legs, so how many do {a} spiders have?
        How many arms do {a} octopuses have?
        Each octopus has eight arms. The [aquarium|tank] has {a} octopuses. How many arms is that?
        A pizza is cut into eight slices. How many slices do {a} pizzas give?
        {n} works eight hours a day. How many hours does {he} work in {a} days?
        {n} sleeps eight hours every night. How many hours is that in {a} nights?
        What is [eight times|8 times] {a}?
        How many pints are in {a} gallons?
    """),
    ),
    # dozens, months, inches
    Relation(
        ("12 * a",),
        {"a": (2, 16)},
        lines("""
        {n} [buys|bought|has|sells] {a} dozen [eggs|donuts|roses|rolls|{ts}]. How many is that?
        How many [eggs|cookies|oranges|{ts}] are [in|there in] {a} dozen?
        {n} [baked|made|ordered] {a} dozen [cookies|muffins|cupcakes]. How many did {he} [bake|make|order|get]?
        A dozen {ts} are in each {c}. There are {a} {cs}. How many {ts} are there?
        How many months are [in|there in] {a} years?
        {n} [lived|stayed|worked] in [the city|town|another country] for {a} years. How many months [is that|was that]?
        A [puppy|baby|child] is {a} years old. How old is it in months?
        How many inches are [in|there in] {a} feet?
        A [board|rope|table] is {a} feet long. How long is it in inches?
        {n} pays a bill every month for {a} years. How many payments [is that|does {he} make]?
        Eggs are sold by the dozen. {n} needs {a} dozen. How many eggs [is that|does {he} need]?
        I have {a} cartons with a dozen eggs in each. How many eggs do I have?
        What is [twelve times|12 times] {a}?
        If {n} [buys|makes|gets] one {t} every month, how many is that in {a} years?
    """),
    ),
    # weeks to days
    Relation(
        ("7 * a",),
        {"a": (2, 28)},
        lines("""
        How many days are [in|there in] {a} weeks?
        {n} [was|stayed|lived] at [the beach|the hotel|the farm|a camp] for {a} weeks. How many days [is that|was that]?
        [Work out|Find|Tell me] how many days {a} weeks have.
        {n} [eats|reads|uses|makes] {a} {ts} [a|every|each] day. How many [is that|does {he} need] in a week?
        {n} runs {a} [miles|km] a day, every day of the week. How far is that in a week?
        My [holiday|vacation|trip|summer course] lasts {a} weeks. How many days is it?
        A baby is {a} weeks old. What is its age in days?
        There are {a} weeks until [my birthday|the party|Christmas|school starts]. How many days is that?
        A cat eats {a} [cans|spoons|cups] of food a day. How much does it eat in one week?
        {n} drinks one glass of [milk|juice] a day. How many glasses does {he} drink in {a} weeks?
        A [cafe|shop|bakery] sells {a} [cakes|pies|sandwiches] each day of the week. How many does it sell in a week?
        If [I|we|you] save ${a} every day, how much is that in a week?
        What is [seven times|7 times] {a}?
        It takes {a} minutes to water the plants, and {n} does it every day. How many minutes is that in a week?
    """),
    ),
    # days to hours; hours to minutes; quarters to cents
    Relation(
        ("24 * a",),
        {"a": (2, 8)},
        lines("""
        How many hours are [in|there in] {a} days?
        {n} was [away|on a ship|on a train] for {a} full days. How many hours is that?
        A [storm|trip|festival|race] lasted {a} [whole|full] days. How many hours did it last?
        A bell rings once every hour, day and night. How many times does it ring in {a} days?
        It has been raining for {a} days without a break. How many hours has it rained?
        Change {a} days into hours. How many hours is it?
    """),
    ),
    Relation(
        ("60 * a",),
        {"a": (2, 3)},
        lines("""
        How many minutes are [in|there in] {a} hours?
        {n} [slept|waited|played|worked|talked] for {a} hours. How many minutes [is that|was that]?
        A [film|movie|lesson|flight|game] [lasts|is|takes] {a} hours. How many minutes is it?
        How many seconds are [in|there in] {a} minutes?
        {n} held {his} breath for {a} minutes. How many seconds is that?
        The [song|race|break] [lasts|takes] {a} minutes. How many seconds is it?
        Change {a} hours into minutes. How many minutes is it?
    """),
    ),
    Relation(
        ("25 * a",),
        {"a": (2, 8)},
        lines("""
        {n} has {a} quarters. How many cents [is that|does {he} have|are they worth]?
        How many cents are {a} quarters [worth|]?
        A [gumball|sticker|phone call|candy] costs one quarter. How many cents do {a} of them cost?
        {n} found {a} quarters [in the sofa|in a coat|on the street]. How much money in cents is that?
        How many years are {a} quarter-centuries?
    """),
    ),
    # a square's area
    Relation(
        ("a * a",),
        {"a": (2, 14)},
        lines("""
        [Find|Calculate|Work out] the area of a square with [a side of|sides of] {a} [cm|m|inches|feet|].
        The side of a square is {a} [cm|m|meters|feet]. What is its area?
        What is {a} squared?
        What is the square of {a}?
        Multiply {a} by itself. What do you get?
        There are {a} rows and just as many {ts} in each row. How many {ts} are there?
        {n} has a square [garden|room] that is {a} [feet|meters] long. What is its area?
        {a} friends bring {a} {ts} each. How many {ts} do they bring?
    """),
    ),
    # other known numbers: half hours, ounces, bills
    Relation(
        ("30 * a",),
        {"a": (2, 6)},
        lines("""
        {n} practices for half an hour a day. How many minutes is that in {a} days?
        A [lesson|show|train ride] takes half an hour. How many minutes do {a} of them take?
        How many minutes are in {a} half hours?
        How many days are in {a} months of 30 days [each|]?
    """),
    ),
    Relation(
        ("15 * a",),
        {"a": (2, 13)},
        lines("""
        {n} walks to work in a quarter of an hour. How many minutes do {a} of these walks take?
        How many minutes are [in|there in] {a} quarter hours?
        A [break|song|phone call] takes a quarter of an hour. How many minutes do {a} of them take?
        The bus needs 15 minutes for one round. How long does it need for {a} rounds?
    """),
    ),
    Relation(
        ("16 * a",),
        {"a": (2, 12)},
        lines("""
        How many ounces are [in|there in] {a} pounds?
        A [baby|cat|melon] weighs {a} pounds. How many ounces is that?
        {n} buys {a} pounds of [cheese|nuts|coffee]. How many ounces does {he} have?
        How many cups are [in|there in] {a} gallons?
    """),
    ),
    Relation(
        ("20 * a",),
        {"a": (2, 10)},
        lines("""
        {n} has {a} twenty-dollar bills. How much money [is that|does {he} have]?
        How many [fingers and toes|fingers and toes together] do {a} [people|children] have?
        {n} pays with {a} bills of $20. How much money [is that|does {he} hand over]?
        Each of {a} classes has twenty children. How many children are there?
        I read twenty pages every evening. How many pages do I read in {a} evenings?
    """),
    ),
    Relation(
        ("2 * a",),
        {"a": (2, 60)},
        lines("""
        {n} makes {a} two-point shots [in a game|]. How many points does {he} score?
        {n} takes two [pills|showers|walks] a day. How many is that in {a} days?
        [A sandwich|Each sandwich] needs two slices of bread. How many slices do {a} sandwiches need?
        {n} shares {his} {ts} with {o}, and each of the two gets {a}. How many {ts} were there?
        Half of a number is {a}. What is the number?
        {n} gave away half of {his} {ts}, which was {a}. How many did {he} have at first?
        {a} is half of what number?
        {n} read {a} pages, which is half of the book. How long is the book in pages?
        A motorbike has two wheels. How many wheels do {a} have?
        [Every|Each] child wears two shoes. There are {a} children. How many shoes is that?
    """),
    ),
    Relation(
        ("3 * a",),
        {"a": (2, 40)},
        lines("""
        {n} makes {a} three-point shots. How many points [is that|does {he} score]?
        A team gets three points for every win. How many points does it have after {a} wins?
        A third of a number is {a}. What is the number?
        Clovers have three leaves. How many leaves do {a} of them have?
        Traffic lights have three lamps each. How many lamps are in {a} traffic lights?
        {n} needs three {us} for every {t}. How many {us} does {he} need for {a} {ts}?
    """),
    ),
    # plain products
    Relation(
        ("a * b",),
        {"a": (2, 60), "b": (2, 30)},
        lines("""
        What is {a} times {b}?
        [What is|What's] the product of {a} and {b}?
        [Find|Calculate|Give me|Tell me] the product of {a} and {b}.
        [Multiply|Please multiply] {a} by {b}.
        Multiply {a} and {b}. What do you get?
        [How much is|What's|What number is] {a} multiplied by {b}?
        If you multiply {a} by {b}, what [is the answer|do you get|number do you get|is the result]?
        [Work out|Calculate|Compute|Find] {a} times {b}.
        What number is {b} times as [large|big|great] as {a}?
        [I think of|Think of|Take] the number {a} and multiply it by {b}. [What is the result|What do you get|What comes out]?
        {n} multiplies {a} by {b}. What [answer|number|result] does {he} get?
        What is the result of adding {a} to itself until there are {b} of them in the sum?
        A number is {b} times {a}. What is [the number|it]?
        When a number is divided by {b}, the answer is {a}. What is the number?
        [How much are|What are] {b} lots of {a}?
        {a} groups of {b} make how many?
        Can you tell me [what {a} times {b} is|what you get when you multiply {a} by {b}|the product of {a} and {b}]?
    """),
    ),
)
